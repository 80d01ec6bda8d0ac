//! librdkafka's settings (its `CONFIGURATION.md`). What differs from its defaults stands here, with the reason.

use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;

use super::{
    options::{ClientCertificate, KafkaOptions, PasswordMechanism, Sasl, Tls},
    place::Place,
};
use crate::{error::OpenError, limits::MAX_EVENT_BYTES};

/// The largest batch of records that topics take. The producer closes a batch with the record that brings it to about 1 MB, so that it
/// never reaches this.
pub(super) const MAX_BATCH_BYTES: usize = 4 << 20;

/// Settings for each kind of client.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) brokers: String,
    producer: ClientConfig,
    consumer: ClientConfig,
    plain: ClientConfig,
}

impl Settings {
    /// # Errors
    /// [`OpenError::InvalidOption`], [`OpenError::Io`]
    pub(super) fn new(place: &Place, options: &KafkaOptions) -> Result<Self, OpenError> {
        let mut plain = common(place);
        secure(&mut plain, options)?;
        Ok(Self {
            brokers: place.brokers.clone(),
            producer: producer(plain.clone()),
            consumer: consumer(plain.clone(), place),
            plain,
        })
    }

    /// Appends.
    pub(super) fn producer(&self) -> &ClientConfig {
        &self.producer
    }

    /// Reads one partition from a place on.
    pub(super) fn consumer(&self) -> &ClientConfig {
        &self.consumer
    }

    /// Asks, and does neither.
    pub(super) fn plain(&self) -> &ClientConfig {
        &self.plain
    }
}

fn set(config: &mut ClientConfig, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        config.set(*name, *value);
    }
}

fn common(place: &Place) -> ClientConfig {
    let mut config = ClientConfig::new();
    set(
        &mut config,
        &[
            ("bootstrap.servers", &place.brokers),
            ("client.id", "onedoor"),
            // Topics are made with settings of their own, or not at all.
            ("allow.auto.create.topics", "false"),
            // A broker that went is found out and replaced within a second or so: calls wait for it.
            ("reconnect.backoff.ms", "50"),
            ("reconnect.backoff.max.ms", "500"),
            ("retry.backoff.ms", "50"),
            ("retry.backoff.max.ms", "200"),
            ("topic.metadata.refresh.fast.interval.ms", "50"),
            ("socket.connection.setup.timeout.ms", "1000"),
            ("socket.timeout.ms", "4000"),
            ("socket.keepalive.enable", "true"),
            // Brokers close what is idle.
            ("log.connection.close", "false"),
        ],
    );
    config
}

fn producer(mut config: ClientConfig) -> ClientConfig {
    set(
        &mut config,
        &[
            ("enable.idempotence", "true"),
            ("acks", "all"),
            // A batch that fails for good fails all that comes after it, so that of one append a prefix is stored and never a part
            // with a hole in it.
            ("enable.gapless.guarantee", "true"),
            // What was taken is stored, however late: only the caller's own deadline ends the waiting.
            ("message.timeout.ms", "0"),
            ("linger.ms", "0"),
            ("request.timeout.ms", "3000"),
        ],
    );
    // An event of the greatest size, and what is around it.
    config.set("message.max.bytes", (MAX_EVENT_BYTES + (64 << 10)).to_string());
    config
}

fn consumer(mut config: ClientConfig, place: &Place) -> ClientConfig {
    set(
        &mut config,
        &[
            // Without a name nothing can be assigned. The group is never joined.
            ("group.id", place.group()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // A place that is not there is an error, never another place.
            ("auto.offset.reset", "error"),
            ("check.crcs", "true"),
            // The broker answers with the first record there is, or says after this time that there is none.
            ("fetch.min.bytes", "1"),
            ("fetch.wait.max.ms", "500"),
            ("fetch.error.backoff.ms", "50"),
            // Read ahead by as much as two reads, and go on at once when there is room again.
            ("queued.max.messages.kbytes", "8192"),
            ("fetch.queue.backoff.ms", "10"),
        ],
    );
    config
}

/// TLS and SASL.
fn secure(config: &mut ClientConfig, options: &KafkaOptions) -> Result<(), OpenError> {
    let protocol = match (&options.tls, &options.sasl) {
        (None, None) => "plaintext",
        (Some(_), None) => "ssl",
        (None, Some(_)) => "sasl_plaintext",
        (Some(_), Some(_)) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &options.tls {
        set_tls(config, tls)?;
    }
    if let Some(sasl) = &options.sasl {
        if options.tls.is_none() && shows_its_secret(sasl) {
            return Err(OpenError::InvalidOption {
                option: "sasl",
                rule: "PLAIN and OAUTHBEARER show a secret to whoever listens: set tls, too, or use SCRAM-SHA-512",
            });
        }
        set_sasl(config, sasl);
    }
    Ok(())
}

fn shows_its_secret(sasl: &Sasl) -> bool {
    match sasl {
        Sasl::Password { mechanism, .. } => *mechanism == PasswordMechanism::Plain,
        Sasl::OAuthBearer { .. } => true,
    }
}

fn set_tls(config: &mut ClientConfig, tls: &Tls) -> Result<(), OpenError> {
    if let Some(ca) = &tls.ca {
        config.set("ssl.ca.location", readable(ca)?);
    }
    if let Some(ClientCertificate { certificate, key }) = &tls.client {
        config.set("ssl.certificate.location", readable(certificate)?);
        config.set("ssl.key.location", readable(key)?);
    }
    Ok(())
}

fn set_sasl(config: &mut ClientConfig, sasl: &Sasl) {
    match sasl {
        Sasl::Password {
            mechanism,
            user,
            password,
        } => set(
            config,
            &[
                ("sasl.mechanism", mechanism.name()),
                ("sasl.username", user),
                ("sasl.password", password.expose()),
            ],
        ),
        Sasl::OAuthBearer {
            token_endpoint,
            client_id,
            client_secret,
            scope,
        } => {
            set(
                config,
                &[
                    ("sasl.mechanism", "OAUTHBEARER"),
                    ("sasl.oauthbearer.method", "oidc"),
                    // The system's authorities, wherever they are kept.
                    ("https.ca.location", "probe"),
                    ("sasl.oauthbearer.token.endpoint.url", token_endpoint),
                    ("sasl.oauthbearer.client.id", client_id),
                    ("sasl.oauthbearer.client.secret", client_secret.expose()),
                ],
            );
            if let Some(scope) = scope {
                config.set("sasl.oauthbearer.scope", scope);
            }
        }
    }
}

/// The path of a file that can be read: librdkafka would say less about one that cannot.
fn readable(path: &Path) -> Result<String, OpenError> {
    std::fs::read(path).map_err(|source| OpenError::Io {
        path: PathBuf::from(path),
        source,
    })?;
    path.to_str().map(str::to_owned).ok_or(OpenError::InvalidOption {
        option: "tls",
        rule: "the paths of files must be UTF-8",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Password;

    fn settings(tls: Option<Tls>, sasl: Option<Sasl>) -> Result<Settings, OpenError> {
        let options = KafkaOptions {
            tls,
            sasl,
            ..KafkaOptions::default()
        };
        Settings::new(&Place::parse("broker:9092/onedoor").unwrap(), &options)
    }

    fn by_password(mechanism: PasswordMechanism) -> Sasl {
        Sasl::Password {
            mechanism,
            user: "onedoor".to_owned(),
            password: Password::new("hunter2"),
        }
    }

    fn by_token() -> Sasl {
        Sasl::OAuthBearer {
            token_endpoint: "https://idp.example/token".to_owned(),
            client_id: "onedoor".to_owned(),
            client_secret: Password::new("hunter2"),
            scope: None,
        }
    }

    #[test]
    fn the_protocol_goes_by_what_is_set_and_no_secret_is_shown_in_plain_text() {
        use PasswordMechanism::{Plain, ScramSha256, ScramSha512};
        let tls = || Some(Tls::default());
        for (tls, sasl, protocol) in [
            (None, None, Some("plaintext")),
            (tls(), None, Some("ssl")),
            (None, Some(by_password(ScramSha256)), Some("sasl_plaintext")),
            (tls(), Some(by_password(ScramSha512)), Some("sasl_ssl")),
            (tls(), Some(by_password(Plain)), Some("sasl_ssl")),
            (tls(), Some(by_token()), Some("sasl_ssl")),
            (None, Some(by_password(Plain)), None),
            (None, Some(by_token()), None),
        ] {
            let made = settings(tls, sasl.clone());
            match protocol {
                Some(protocol) => {
                    let made = made.unwrap();
                    for config in [made.plain(), made.producer(), made.consumer()] {
                        assert_eq!(config.get("security.protocol"), Some(protocol), "{sasl:?}");
                    }
                }
                None => assert!(
                    matches!(made, Err(OpenError::InvalidOption { option: "sasl", .. })),
                    "{sasl:?}"
                ),
            }
        }
    }

    #[test]
    fn librdkafka_takes_every_setting() {
        for sasl in [
            None,
            Some(by_password(PasswordMechanism::Plain)),
            Some(by_token()),
        ] {
            let made = settings(Some(Tls::default()), sasl).unwrap();
            for config in [made.plain(), made.producer(), made.consumer()] {
                config.create_native_config().unwrap();
            }
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        for sasl in [by_password(PasswordMechanism::ScramSha512), by_token()] {
            assert!(!format!("{sasl:?}").contains("hunter2"));
            let made = settings(Some(Tls::default()), Some(sasl)).unwrap();
            assert!(!format!("{made:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let tls = Tls {
            ca: Some("/nowhere/ca.pem".into()),
            client: None,
        };
        let error = settings(Some(tls), None).unwrap_err();
        assert!(matches!(error, OpenError::Io { path, .. } if path == Path::new("/nowhere/ca.pem")));
    }
}
