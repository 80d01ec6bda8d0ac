//! Where Redis is, how to get in, and the keys for what is kept there.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use onedoor_model::registry::SecretRef;
use onedoor_secrets::{Secret, Secrets};
use redis::{Client, ClientTlsConfig, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates};
use url::Url;

use crate::{OptionsError, Ring};

/// What a replica must know to use Redis. Secrets are references, read anew with each connection; the keys are read at the start.
#[derive(Clone, Debug)]
pub struct Options {
    /// `redis://[user@]host[:port][/database]`, or `rediss://…` for TLS.
    pub url: String,
    /// The user's password.
    pub password: Option<SecretRef>,
    /// Certificate authorities that Redis' certificate must go back to, instead of the machine's; PEM.
    pub ca: Option<SecretRef>,
    /// The gateway's certificate for Redis, with its chain; PEM.
    pub certificate: Option<SecretRef>,
    /// Its private key; PEM.
    pub key: Option<SecretRef>,
    /// The keys for what is kept in Redis, each 32 bytes in Base64: the first one encrypts, all decrypt. Replicas that are to share
    /// tokens and limits have the same first one.
    pub keys: Vec<SecretRef>,
    /// What every name in Redis begins with.
    pub prefix: String,
    /// How long it may take to connect, TLS and authentication included.
    pub connect_timeout: Duration,
    /// How long Redis may take to answer.
    pub command_timeout: Duration,
}

/// A place whose form was checked.
pub(crate) struct Target {
    options: Options,
    info: ConnectionInfo,
    secrets: Secrets,
}

impl Options {
    /// Options with the defaults for everything else.
    #[must_use]
    pub fn new(url: impl Into<String>, keys: Vec<SecretRef>) -> Self {
        Self {
            url: url.into(),
            password: None,
            ca: None,
            certificate: None,
            key: None,
            keys,
            prefix: "onedoor".to_owned(),
            connect_timeout: Duration::from_millis(250),
            command_timeout: Duration::from_millis(100),
        }
    }

    /// Finds all that can be wrong without connecting.
    ///
    /// # Errors
    /// [`OptionsError`]
    pub fn check(&self, secrets: &Secrets) -> Result<(), OptionsError> {
        Target::new(self, secrets)?;
        self.ring(secrets)?;
        Ok(())
    }

    pub(crate) fn ring(&self, secrets: &Secrets) -> Result<Ring, OptionsError> {
        let read = |reference| read_key(reference, &secrets.read(reference)?);
        let keys = self.keys.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ring::new(&self.prefix, &keys).ok_or(OptionsError::NoKey)
    }
}

impl Target {
    /// Checks the options, and that everything they refer to is there.
    pub(crate) fn new(options: &Options, secrets: &Secrets) -> Result<Self, OptionsError> {
        let url = read_url(&options.url)?;
        let certificates = [&options.ca, &options.certificate, &options.key];
        if url.scheme() != "rediss" && certificates.into_iter().any(Option::is_some) {
            return Err(OptionsError::CertificatesWithoutTls);
        }
        let target = Self {
            options: options.clone(),
            info: url.into_connection_info().map_err(|_| OptionsError::Url)?,
            secrets: secrets.clone(),
        };
        target.client()?;
        Ok(target)
    }

    /// A client with the secrets as they are now.
    pub(crate) fn client(&self) -> Result<Client, OptionsError> {
        let mut settings = self.info.redis_settings().clone();
        if let Some(reference) = &self.options.password {
            let password = self.secrets.read(reference)?;
            let password = password.expose_text();
            settings =
                settings.set_password(password.ok_or_else(|| OptionsError::NotText(reference.clone()))?);
        }
        let tcp = self.info.tcp_settings().clone().set_nodelay(true);
        let info = self
            .info
            .clone()
            .set_redis_settings(settings)
            .set_tcp_settings(tcp);
        match self.certificates()? {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
        .map_err(OptionsError::Tls)
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    fn certificates(&self) -> Result<Option<TlsCertificates>, OptionsError> {
        let Options {
            ca, certificate, key, ..
        } = &self.options;
        let public = |reference| self.secrets.read_public(reference).map(bytes);
        let client_tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientTlsConfig {
                client_cert: public(certificate)?,
                client_key: bytes(self.secrets.read(key)?),
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(OptionsError::HalfAnIdentity),
        };
        let root_cert = ca.as_ref().map(public).transpose()?;
        let any = client_tls.is_some() || root_cert.is_some();
        Ok(any.then_some(TlsCertificates {
            client_tls,
            root_cert,
        }))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({})", self.options.url)
    }
}

fn read_url(text: &str) -> Result<Url, OptionsError> {
    let url = Url::parse(text).map_err(|_| OptionsError::Url)?;
    if url.password().is_some() {
        return Err(OptionsError::PasswordInUrl);
    }
    let database = url.path().strip_prefix('/').unwrap_or_default();
    let well_formed = matches!(url.scheme(), "redis" | "rediss")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && (database.is_empty() || database.parse::<u16>().is_ok())
        && url.query().is_none()
        && url.fragment().is_none();
    if well_formed {
        Ok(url)
    } else {
        Err(OptionsError::Url)
    }
}

fn read_key(reference: &SecretRef, secret: &Secret) -> Result<[u8; 32], OptionsError> {
    let decoded = secret.expose_text().and_then(|text| STANDARD.decode(text).ok());
    decoded
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| OptionsError::NotAKey(reference.clone()))
}

#[expect(clippy::needless_pass_by_value, reason = "it is used up")]
fn bytes(secret: Secret) -> Vec<u8> {
    secret.expose().to_vec()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";

    /// A reference to a file with this content.
    fn file(folder: &Path, name: &str, content: &str) -> SecretRef {
        let path = folder.join(name);
        fs::write(&path, content).unwrap();
        format!("file:{}", path.display()).parse().unwrap()
    }

    #[test]
    fn what_can_be_wrong_is_found_without_connecting() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let key = file(folder, "key", KEY);
        let nothing: SecretRef = "env:ONEDOOR_HAS_NO_SUCH_SECRET".parse().unwrap();
        let with = |url: &str, change: &dyn Fn(&mut Options)| {
            let mut options = Options::new(url, vec![key.clone()]);
            change(&mut options);
            options.check(&Secrets::default())
        };
        let plain = |url| with(url, &|_| ());
        for url in [
            "redis://localhost",
            "redis://me@redis.example:6380/2",
            "redis://[::1]:6379/",
            "rediss://redis.example",
        ] {
            plain(url).unwrap();
        }
        for url in [
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://a/b",
            "redis://a/0/1",
            "redis://a/?protocol=resp3",
            "rediss://a/#insecure",
            "unix:///run/redis",
        ] {
            assert!(matches!(plain(url), Err(OptionsError::Url)), "{url}");
        }
        let refused = plain("redis://me:s3cret@localhost").unwrap_err();
        assert!(matches!(refused, OptionsError::PasswordInUrl));
        assert!(!format!("{refused} {refused:?}").contains("s3cret"));

        let tls = "rediss://localhost";
        type Expected = fn(&OptionsError) -> bool;
        let checks: [(Result<(), OptionsError>, Expected); 7] = [
            (with("redis://a", &|o| o.ca = Some(key.clone())), |e| {
                matches!(e, OptionsError::CertificatesWithoutTls)
            }),
            (with(tls, &|o| o.certificate = Some(key.clone())), |e| {
                matches!(e, OptionsError::HalfAnIdentity)
            }),
            (
                with(tls, &|o| {
                    o.certificate = Some(key.clone());
                    o.key = Some(key.clone());
                }),
                |e| matches!(e, OptionsError::Tls(_)),
            ),
            (with(tls, &|o| o.password = Some(nothing.clone())), |e| {
                matches!(e, OptionsError::Secret(_))
            }),
            (with(tls, &|o| o.keys.clear()), |e| {
                matches!(e, OptionsError::NoKey)
            }),
            (with(tls, &|o| o.keys.push(file(folder, "short", "AQEB"))), |e| {
                matches!(e, OptionsError::NotAKey(_))
            }),
            (
                with(tls, &|o| o.keys.push(file(folder, "text", "a password"))),
                |e| matches!(e, OptionsError::NotAKey(_)),
            ),
        ];
        for (index, (checked, expected)) in checks.into_iter().enumerate() {
            let fault = checked.unwrap_err();
            assert!(expected(&fault), "{index}: {fault:?}");
        }
    }
}
