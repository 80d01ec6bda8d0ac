//! What was given, before it is judged: flags go before the environment, and that before the file.

use std::{path::PathBuf, str::FromStr};

use serde_json::Value;

use super::{
    document::Document,
    section::{Section, at},
    source::{Fault, Faults, Given, Source},
};

/// Where the configuration of `onedoor serve` comes from. A flag goes before its environment variable, and that before the file.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Configuration (each flag has a variable: --public-url is ONEDOOR_PUBLIC_URL)")]
pub(crate) struct ConfigArgs {
    /// Bootstrap file (TOML)
    #[arg(long, value_name = "FILE", env = "ONEDOOR_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of all state [default: /var/lib/onedoor]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// URL that clients know the data plane by
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// URL that people know the admin plane by [default: the public URL's host, the admin plane's port]
    #[arg(long, value_name = "URL")]
    admin_url: Option<String>,
    /// Allow plain text off loopback, because something in front speaks TLS
    #[arg(long)]
    plain_text: bool,
    /// Address and port of the data plane [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Certificate chain of the data plane (PEM)
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<String>,
    /// Private key of the data plane (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Address and port of the admin plane [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// Certificate chain of the admin plane (PEM)
    #[arg(long, value_name = "FILE")]
    admin_tls_certificate: Option<String>,
    /// Private key of the admin plane (PEM)
    #[arg(long, value_name = "FILE")]
    admin_tls_key: Option<String>,
}

/// Everything that was given, each from where it counts.
#[derive(Debug)]
pub(super) struct Inputs {
    pub(super) data: Option<Given<String>>,
    pub(super) public_url: Option<Given<String>>,
    pub(super) admin_url: Option<Given<String>>,
    pub(super) plain_text: Option<Given<bool>>,
    pub(super) data_plane: PlaneInputs,
    pub(super) admin_plane: PlaneInputs,
    pub(super) first_admins: Vec<FirstAdminInputs>,
    /// With their JSON pointers.
    pub(super) issuers: Vec<(String, Value)>,
    pub(super) settings: Option<(String, Value)>,
    /// What the file says of logs; flags and variables are read where logs begin.
    pub(super) log: Option<Given<String>>,
    pub(super) log_format: Option<Given<String>>,
}

/// What was given for one plane.
#[derive(Debug)]
pub(super) struct PlaneInputs {
    /// Its name in the file.
    pub(super) name: &'static str,
    pub(super) listen: Option<Given<String>>,
    pub(super) hosts: Option<Given<Vec<String>>>,
    pub(super) certificate: Option<Given<String>>,
    pub(super) key: Option<Given<String>>,
}

/// What was given for a first admin.
#[derive(Debug)]
pub(super) struct FirstAdminInputs {
    /// The place of the whole, for faults of it.
    pub(super) whole: Given<()>,
    pub(super) issuer: Option<Given<String>>,
    pub(super) tenant: Option<Given<String>>,
    pub(super) user: Option<Given<String>>,
    pub(super) group: Option<Given<String>>,
    pub(super) role: Option<Given<String>>,
}

/// Looks a variable up.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

impl ConfigArgs {
    /// The bootstrap file, if there is to be one.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }
}

impl Inputs {
    /// Puts the layers on one another.
    pub(super) fn read(
        args: &ConfigArgs,
        environment: Environment<'_>,
        document: &Document,
        faults: &mut Faults,
    ) -> Self {
        let mut root = Section::root(document);
        let mut data = root.text("data", faults);
        let mut public_url = root.text("publicUrl", faults);
        let mut admin_url = root.text("adminUrl", faults);
        let plain_text = plain_text(args, environment, &mut root, faults);
        let mut data_plane = PlaneInputs::read("dataPlane", &mut root, faults);
        let mut admin_plane = PlaneInputs::read("adminPlane", &mut root, faults);
        let first_admins = FirstAdminInputs::read_all(document, &mut root, faults);
        let issuers = root.list("issuers", faults).iter().enumerate();
        let issuers = issuers
            .map(|(index, issuer)| (format!("/issuers/{index}"), issuer.clone()))
            .collect();
        let settings = root
            .value("settings")
            .map(|settings| ("/settings".to_owned(), settings.value.clone()));
        let mut telemetry = root.section("telemetry", faults);
        let log = telemetry.text("log", faults);
        let log_format = telemetry.text("logFormat", faults);
        telemetry.close(faults);
        root.close(faults);

        let (of_data, of_admin) = (&mut data_plane, &mut admin_plane);
        #[rustfmt::skip]
        let layers = [
            (&mut data, "data", "--data", "ONEDOOR_DATA", &args.data),
            (&mut public_url, "publicUrl", "--public-url", "ONEDOOR_PUBLIC_URL", &args.public_url),
            (&mut admin_url, "adminUrl", "--admin-url", "ONEDOOR_ADMIN_URL", &args.admin_url),
            (&mut of_data.listen, "dataPlane.listen", "--listen", "ONEDOOR_LISTEN", &args.listen),
            (&mut of_data.certificate, "dataPlane.tls.certificate", "--tls-certificate", "ONEDOOR_TLS_CERTIFICATE", &args.tls_certificate),
            (&mut of_data.key, "dataPlane.tls.key", "--tls-key", "ONEDOOR_TLS_KEY", &args.tls_key),
            (&mut of_admin.listen, "adminPlane.listen", "--admin-listen", "ONEDOOR_ADMIN_LISTEN", &args.admin_listen),
            (&mut of_admin.certificate, "adminPlane.tls.certificate", "--admin-tls-certificate", "ONEDOOR_ADMIN_TLS_CERTIFICATE", &args.admin_tls_certificate),
            (&mut of_admin.key, "adminPlane.tls.key", "--admin-tls-key", "ONEDOOR_ADMIN_TLS_KEY", &args.admin_tls_key),
        ];
        for (given, field, flag, variable, value) in layers {
            let file = given.take();
            *given = layered(
                field,
                (flag, value.clone()),
                (variable, environment(variable)),
                file,
            );
        }
        Self {
            data,
            public_url,
            admin_url,
            plain_text,
            data_plane,
            admin_plane,
            first_admins,
            issuers,
            settings,
            log,
            log_format,
        }
    }
}

impl PlaneInputs {
    /// What the file says of a plane.
    fn read(name: &'static str, root: &mut Section<'_>, faults: &mut Faults) -> Self {
        let mut section = root.section(name, faults);
        let listen = section.text("listen", faults);
        let hosts = section.texts("hosts", faults);
        let mut tls = section.section("tls", faults);
        let certificate = tls.text("certificate", faults);
        let key = tls.text("key", faults);
        tls.close(faults);
        section.close(faults);
        Self {
            name,
            listen,
            hosts,
            certificate,
            key,
        }
    }
}

impl FirstAdminInputs {
    fn read_all(document: &Document, root: &mut Section<'_>, faults: &mut Faults) -> Vec<Self> {
        const LIST: &str = "firstAdmins";
        let mut admins = Vec::new();
        for (index, value) in root.list(LIST, faults).iter().enumerate() {
            let mut section = Section::of(document, index, LIST, value, faults);
            if section.is_unreadable() {
                continue;
            }
            admins.push(Self {
                whole: at(document, &format!("/{LIST}/{index}"), ()),
                issuer: section.text("issuer", faults),
                tenant: section.text("tenant", faults),
                user: section.text("user", faults),
                group: section.text("group", faults),
                role: section.text("role", faults),
            });
            section.close(faults);
        }
        admins
    }
}

fn layered(
    field: &str,
    flag: (&'static str, Option<String>),
    variable: (&'static str, Option<String>),
    file: Option<Given<String>>,
) -> Option<Given<String>> {
    let given = |source, value| Given {
        value,
        field: field.to_owned(),
        source,
    };
    match (flag, variable) {
        ((name, Some(value)), _) => Some(given(Source::Flag(name), value)),
        (_, (name, Some(value))) => Some(given(Source::Variable(name), value)),
        ((_, None), (_, None)) => file,
    }
}

fn plain_text(
    args: &ConfigArgs,
    environment: Environment<'_>,
    root: &mut Section<'_>,
    faults: &mut Faults,
) -> Option<Given<bool>> {
    const VARIABLE: &str = "ONEDOOR_PLAIN_TEXT";
    let file = root.flag("plainText", faults);
    let given = |source, value| Given {
        value,
        field: "plainText".to_owned(),
        source,
    };
    if args.plain_text {
        return Some(given(Source::Flag("--plain-text"), true));
    }
    let Some(text) = environment(VARIABLE) else {
        return file;
    };
    let source = Source::Variable(VARIABLE);
    let read = bool::from_str(&text).map_err(|_| Fault {
        field: "plainText".to_owned(),
        source: source.clone(),
        message: format!("{text:?} is neither true nor false"),
        hint: "write true or false".to_owned(),
    });
    faults.keep(read).map(|value| given(source, value))
}
