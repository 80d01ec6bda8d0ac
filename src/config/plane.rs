//! The two planes: where they listen, what they are called, and that no token crosses a network in plain text by mistake.

use std::{net::SocketAddr, path::Path};

use onedoor_gateway::Tls;

use super::{
    exposed,
    section::Section,
    source::{Fault, Faults, Given, Source},
    url::{Origin, is_host, loopback_hosts},
};
use crate::process::with_causes;

/// One plane, as it is to be served.
#[derive(Debug)]
pub(crate) struct PlaneConfig {
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// The `Host` values it answers to.
    pub(crate) hosts: Vec<String>,
    /// Its certificate; none: plain text.
    pub(crate) tls: Option<Tls>,
}

/// What was given for one plane, before it is judged.
#[derive(Debug)]
pub(super) struct PlaneInputs {
    /// Its name in the file.
    name: &'static str,
    pub(super) listen: Option<Given<String>>,
    hosts: Option<Given<Vec<String>>>,
    pub(super) certificate: Option<Given<String>>,
    pub(super) key: Option<Given<String>>,
}

/// What is said of both planes.
#[derive(Debug)]
pub(super) struct Planes {
    pub(super) public_url: Option<Given<String>>,
    pub(super) admin_url: Option<Given<String>>,
    pub(super) plain_text: bool,
}

/// Both planes without fault.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) public_url: String,
    pub(super) admin_url: String,
    pub(super) data: PlaneConfig,
    pub(super) admin: PlaneConfig,
}

/// A listener without fault, before its names are known.
#[derive(Debug)]
struct Listening {
    listen: Given<SocketAddr>,
    tls: Option<Tls>,
    hosts: Option<Given<Vec<String>>>,
}

impl PlaneInputs {
    /// What the file says of a plane.
    pub(super) fn read(name: &'static str, root: &mut Section<'_>, faults: &mut Faults) -> Self {
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

impl Planes {
    /// None only where a fault was added.
    pub(super) fn judge(self, data: PlaneInputs, admin: PlaneInputs, faults: &mut Faults) -> Option<Judged> {
        let plain_text = self.plain_text;
        let data = Listening::judge(data, 8080, plain_text, faults);
        let admin = Listening::judge(admin, 8081, plain_text, faults);
        let public = match &self.public_url {
            Some(given) => faults.keep(origin(given, plain_text, data.as_ref())),
            None => {
                let hint = "give the URL that clients know the data plane by: publicUrl = \"https://onedoor.example.com\"";
                faults.add(Fault::missing("publicUrl", hint));
                None
            }
        };
        let admin_origin = match &self.admin_url {
            Some(given) => faults.keep(origin(given, plain_text, admin.as_ref())),
            None => public
                .as_ref()
                .zip(admin.as_ref())
                .and_then(|(public, admin)| public.beside(admin.tls.is_some(), admin.listen.value.port())),
        };
        if let (Some(data), Some(admin)) = (&data, &admin)
            && data.listen.value == admin.listen.value
            && data.listen.value.port() != 0
        {
            faults.add(admin.listen.fault(
                "is where the data plane listens",
                "give each plane a port of its own",
            ));
        }
        let (public, admin_origin) = (public?, admin_origin?);
        Some(Judged {
            public_url: public.text(),
            admin_url: admin_origin.text(),
            data: data?.named(&public),
            admin: admin?.named(&admin_origin),
        })
    }
}

impl Listening {
    fn judge(inputs: PlaneInputs, port: u16, plain_text: bool, faults: &mut Faults) -> Option<Self> {
        let plane = inputs.name;
        let listen = faults.keep(address(inputs.listen, &format!("{plane}.listen"), port));
        let tls = match (inputs.certificate, inputs.key) {
            (Some(certificate), Some(key)) => {
                exposed::file(&key, Path::new(&key.value), faults);
                faults.keep(load(&certificate, &key)).map(Some)
            }
            (None, None) => Some(None),
            (Some(certificate), None) => {
                faults.add(certificate.fault("has no key beside it", format!("give {plane}.tls.key, too")));
                None
            }
            (None, Some(key)) => {
                faults.add(key.fault(
                    "has no certificate beside it",
                    format!("give {plane}.tls.certificate, too"),
                ));
                None
            }
        };
        if let Some(hosts) = &inputs.hosts {
            for host in hosts.value.iter().filter(|host| !is_host(host)) {
                faults.add(hosts.fault(
                    format!("{host:?} is no host"),
                    "write onedoor.example.com, or onedoor.example.com:8443",
                ));
            }
        }
        let (listen, tls) = (listen?, tls?);
        if tls.is_none() && !plain_text && !listen.value.ip().is_loopback() {
            faults.add(listen.fault(
                format!("{} is not on loopback, and {plane} has no certificate", listen.value),
                format!(
                    "give {plane}.tls.certificate and {plane}.tls.key; or, where a proxy in front speaks TLS, plainText = true"
                ),
            ));
            return None;
        }
        Some(Self {
            listen,
            tls,
            hosts: inputs.hosts,
        })
    }

    fn named(self, origin: &Origin) -> PlaneConfig {
        let listen = self.listen.value;
        let derived = || {
            let mut hosts = origin.hosts();
            let loopback = loopback_hosts(listen).into_iter();
            hosts.extend(loopback.filter(|host| !origin.hosts().contains(host)));
            hosts
        };
        PlaneConfig {
            listen,
            hosts: self.hosts.map_or_else(derived, |given| given.value),
            tls: self.tls,
        }
    }
}

/// A URL that fits how its plane is served.
fn origin(given: &Given<String>, plain_text: bool, plane: Option<&Listening>) -> Result<Origin, Fault> {
    let origin = Origin::read(given)?;
    if !origin.is_secure() && plane.is_some_and(|plane| plane.tls.is_some()) {
        return Err(given.fault("is http, but the plane is served in TLS", "write https"));
    }
    if !origin.is_secure() && !plain_text && !origin.is_loopback() {
        return Err(given.fault(
            "is http: tokens would cross the network in plain text",
            "write https; or say plainText = true, if you know what you do",
        ));
    }
    Ok(origin)
}

/// Where to listen: as it was given, else on loopback.
pub(super) fn address(
    given: Option<Given<String>>,
    field: &str,
    port: u16,
) -> Result<Given<SocketAddr>, Fault> {
    let Some(given) = given else {
        return Ok(Given {
            value: SocketAddr::from(([127, 0, 0, 1], port)),
            field: field.to_owned(),
            source: Source::Nowhere,
        });
    };
    match given.value.parse() {
        Ok(value) => Ok(Given {
            value,
            field: given.field,
            source: given.source,
        }),
        Err(_) => Err(given.fault(
            format!("{:?} is no address with a port", given.value),
            format!("write it as 0.0.0.0:{port} or [::]:{port}"),
        )),
    }
}

fn load(certificate: &Given<String>, key: &Given<String>) -> Result<Tls, Fault> {
    Tls::load(Path::new(&certificate.value), Path::new(&key.value)).map_err(|error| {
        certificate.fault(
            with_causes(&error),
            "both files are PEM: the certificate with those up to its root, and its private key",
        )
    })
}
