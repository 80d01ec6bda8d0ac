//! What every role that serves is told: its planes, and what a new registry begins with.

use onedoor_admin::FirstAdmin;
use onedoor_model::registry::{Issuer, Settings};
use serde_json::Value;

use super::{
    args::DoorArgs,
    document::Document,
    first_admin::{self, FirstAdminInputs},
    layers::{Environment, lay, lay_flag, layer},
    plane::{PlaneConfig, PlaneInputs, Planes},
    registry,
    section::Section,
    source::{Faults, Given},
    telemetry::TelemetryInputs,
};
use crate::telemetry::Logging;

/// A door without fault.
#[derive(Debug)]
pub(crate) struct DoorConfig {
    /// The URL that clients know the data plane by, without a trailing slash.
    pub(crate) public_url: String,
    /// The URL that people know the admin plane by, without a trailing slash.
    pub(crate) admin_url: String,
    /// The data plane.
    pub(crate) data_plane: PlaneConfig,
    /// The admin plane.
    pub(crate) admin_plane: PlaneConfig,
    /// Callers who administer whatever their roles.
    pub(crate) first_admins: Vec<FirstAdmin>,
    /// Identity providers that a new registry begins with.
    pub(crate) issuers: Vec<Issuer>,
    /// Settings that a new registry begins with.
    pub(crate) settings: Option<Settings>,
    /// How to log, where flags and variables do not say it.
    pub(crate) logging: Logging,
}

/// What was given, before it is judged.
#[derive(Debug)]
pub(super) struct DoorInputs {
    public_url: Option<Given<String>>,
    admin_url: Option<Given<String>>,
    plain_text: Option<Given<bool>>,
    data_plane: PlaneInputs,
    admin_plane: PlaneInputs,
    first_admins: Vec<FirstAdminInputs>,
    /// With their JSON pointers.
    issuers: Vec<(String, Value)>,
    settings: Option<(String, Value)>,
    telemetry: TelemetryInputs,
}

impl DoorInputs {
    /// The keys of the file that are read here, for whoever does not read them.
    pub(super) const KEYS: [&'static str; 9] = [
        "publicUrl",
        "adminUrl",
        "plainText",
        "dataPlane",
        "adminPlane",
        "firstAdmins",
        "issuers",
        "settings",
        "telemetry",
    ];

    pub(super) fn read(
        args: &DoorArgs,
        environment: Environment<'_>,
        document: &Document,
        root: &mut Section<'_>,
        faults: &mut Faults,
    ) -> Self {
        let mut inputs = Self::of_file(document, root, faults);
        let Self {
            public_url,
            admin_url,
            data_plane: data,
            admin_plane: admin,
            ..
        } = &mut inputs;
        #[rustfmt::skip]
        lay([
            layer(public_url, ["publicUrl", "--public-url", "ONEDOOR_PUBLIC_URL"], &args.public_url),
            layer(admin_url, ["adminUrl", "--admin-url", "ONEDOOR_ADMIN_URL"], &args.admin_url),
            layer(&mut data.listen, ["dataPlane.listen", "--listen", "ONEDOOR_LISTEN"], &args.listen),
            layer(&mut data.certificate, ["dataPlane.tls.certificate", "--tls-certificate", "ONEDOOR_TLS_CERTIFICATE"], &args.tls_certificate),
            layer(&mut data.key, ["dataPlane.tls.key", "--tls-key", "ONEDOOR_TLS_KEY"], &args.tls_key),
            layer(&mut admin.listen, ["adminPlane.listen", "--admin-listen", "ONEDOOR_ADMIN_LISTEN"], &args.admin_listen),
            layer(&mut admin.certificate, ["adminPlane.tls.certificate", "--admin-tls-certificate", "ONEDOOR_ADMIN_TLS_CERTIFICATE"], &args.admin_tls_certificate),
            layer(&mut admin.key, ["adminPlane.tls.key", "--admin-tls-key", "ONEDOOR_ADMIN_TLS_KEY"], &args.admin_tls_key),
        ], environment);
        let plain_text = ["plainText", "--plain-text", "ONEDOOR_PLAIN_TEXT"];
        lay_flag(
            &mut inputs.plain_text,
            plain_text,
            args.plain_text,
            environment,
            faults,
        );
        inputs
    }

    fn of_file(document: &Document, root: &mut Section<'_>, faults: &mut Faults) -> Self {
        let public_url = root.text("publicUrl", faults);
        let admin_url = root.text("adminUrl", faults);
        let plain_text = root.flag("plainText", faults);
        let data_plane = PlaneInputs::read("dataPlane", root, faults);
        let admin_plane = PlaneInputs::read("adminPlane", root, faults);
        let first_admins = FirstAdminInputs::read_all(document, root, faults);
        let issuers = root.list("issuers", faults).iter().enumerate();
        let issuers = issuers
            .map(|(index, issuer)| (format!("/issuers/{index}"), issuer.clone()))
            .collect();
        let settings = root
            .value("settings")
            .map(|settings| ("/settings".to_owned(), settings.value.clone()));
        Self {
            public_url,
            admin_url,
            plain_text,
            data_plane,
            admin_plane,
            first_admins,
            issuers,
            settings,
            telemetry: TelemetryInputs::read(root, faults),
        }
    }

    /// None only where a fault was added.
    pub(super) fn judge(self, document: &Document, faults: &mut Faults) -> Option<DoorConfig> {
        let planes = Planes {
            public_url: self.public_url,
            admin_url: self.admin_url,
            plain_text: self.plain_text.is_some_and(|given| given.value),
        };
        let planes = planes.judge(self.data_plane, self.admin_plane, faults);
        let first_admins = first_admin::judge(self.first_admins, faults);
        let issuers = registry::issuers(self.issuers, document, faults);
        let settings = registry::settings(self.settings, document, faults);
        let logging = self.telemetry.judge(faults);
        let planes = planes?;
        Some(DoorConfig {
            public_url: planes.public_url,
            admin_url: planes.admin_url,
            data_plane: planes.data,
            admin_plane: planes.admin,
            first_admins,
            issuers,
            settings,
            logging,
        })
    }
}
