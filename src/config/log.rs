//! `[log]`: where the log is, and how it is spoken to.

use onedoor_log::{KafkaOptions, Password, PasswordMechanism, Sasl, check_kafka_url};

use super::{
    args::{LogArgs, PartsArgs},
    document::Document,
    environment, exposed,
    layers::{Environment, lay, layer},
    load, secret,
    section::{Section, number},
    source::{Fault, Faults, Given},
    tls::TlsInputs,
    url::is_here,
};

/// The log of replicas.
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    /// Which engine, and where.
    pub(crate) url: String,
    /// How Kafka is spoken to.
    pub(crate) kafka: KafkaOptions,
}

/// What was given, before it is judged.
#[derive(Debug)]
pub(super) struct LogInputs {
    url: Option<Given<String>>,
    tls: Option<TlsInputs>,
    sasl: Option<SaslInputs>,
    audit_partitions: Option<Given<String>>,
    replication: Option<Given<String>>,
    create_topics: Option<Given<bool>>,
}

#[derive(Debug)]
struct SaslInputs {
    mechanism: Option<Given<String>>,
    username: Option<Given<String>>,
    password: Option<Given<String>>,
    token_endpoint: Option<Given<String>>,
    client_id: Option<Given<String>>,
    client_secret: Option<Given<String>>,
    scope: Option<Given<String>>,
}

impl LogConfig {
    /// What the file says of Kafka, for whoever is told the log's URL in another way.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn kafka(args: &LogArgs) -> Result<KafkaOptions, Faults> {
        load(args.file.path(), |document: &Document, faults| {
            let mut root = Section::root(document);
            let inputs = LogInputs::read(&PartsArgs::default(), &environment, &mut root, faults);
            inputs.judge_kafka(faults)
        })
    }
}

impl LogInputs {
    pub(super) fn read(
        args: &PartsArgs,
        environment: Environment<'_>,
        root: &mut Section<'_>,
        faults: &mut Faults,
    ) -> Self {
        let mut section = root.section("log", faults);
        let mut inputs = Self {
            url: section.text("url", faults),
            tls: TlsInputs::read(&mut section, faults),
            sasl: SaslInputs::read(&mut section, faults),
            audit_partitions: section.number("auditPartitions", faults),
            replication: section.number("replication", faults),
            create_topics: section.flag("createTopics", faults),
        };
        section.close(faults);
        let url = ["log.url", "--log-url", "ONEDOOR_LOG_URL"];
        lay([layer(&mut inputs.url, url, &args.log_url)], environment);
        inputs
    }

    /// None only where a fault was added.
    pub(super) fn judge(mut self, faults: &mut Faults) -> Option<LogConfig> {
        let given = self.url.take();
        let url = match &given {
            Some(given) => faults.keep(shared(given)),
            None => {
                faults.add(Fault::missing(
                    "log.url",
                    "name the log that replicas share: kafka://kafka.example:9092/onedoor",
                ));
                None
            }
        };
        let kafka = self.judge_kafka(faults);
        let (given, url, kafka) = (given?, url?, kafka?);
        if kafka.tls.is_none() {
            faults.keep(in_plain_text(&given, &url, kafka.sasl.as_ref()))?;
            exposed::plain_text(&given, hosts(&url), "log", faults);
        }
        Some(LogConfig { url, kafka })
    }

    fn judge_kafka(self, faults: &mut Faults) -> Option<KafkaOptions> {
        let usual = KafkaOptions::default();
        let tls = self.tls.map(|tls| tls.judge(faults));
        let sasl = self.sasl.map(|sasl| sasl.judge(faults));
        let audit_partitions = match self.audit_partitions {
            Some(given) => faults.keep(number(&given, 1..=1_000)),
            None => Some(usual.audit_partitions),
        };
        let replication = self.replication.map(|given| faults.keep(number(&given, 1..=100)));
        Some(KafkaOptions {
            audit_partitions: audit_partitions?,
            replication: replication.map_or(Some(None), |judged| judged.map(Some))?,
            create_topics: self
                .create_topics
                .map_or(usual.create_topics, |given| given.value),
            tls: tls.map_or(Some(None), |judged| judged.map(|tls| Some(tls.into())))?,
            sasl: sasl.map_or(Some(None), |judged| judged.map(Some))?,
        })
    }
}

impl SaslInputs {
    fn read(of: &mut Section<'_>, faults: &mut Faults) -> Option<Self> {
        let mut section = of.section("sasl", faults);
        let inputs = (!section.is_unreadable()).then(|| Self {
            mechanism: section.text("mechanism", faults),
            username: section.text("username", faults),
            password: section.text("password", faults),
            token_endpoint: section.text("tokenEndpoint", faults),
            client_id: section.text("clientId", faults),
            client_secret: section.text("clientSecret", faults),
            scope: section.text("scope", faults),
        });
        section.close(faults);
        inputs
    }

    /// None only where a fault was added.
    fn judge(self, faults: &mut Faults) -> Option<Sasl> {
        const HINT: &str = "write SCRAM-SHA-512, SCRAM-SHA-256, PLAIN or OAUTHBEARER";
        let Some(mechanism) = &self.mechanism else {
            faults.add(Fault::missing("log.sasl.mechanism", HINT));
            return None;
        };
        let by_password = match mechanism.value.as_str() {
            "SCRAM-SHA-512" => Some(PasswordMechanism::ScramSha512),
            "SCRAM-SHA-256" => Some(PasswordMechanism::ScramSha256),
            "PLAIN" => Some(PasswordMechanism::Plain),
            "OAUTHBEARER" => None,
            other => {
                faults.add(mechanism.fault(format!("{other:?} is not known"), HINT));
                return None;
            }
        };
        match by_password {
            Some(mechanism) => self.password(mechanism, faults),
            None => self.oauth(faults),
        }
    }

    fn password(self, mechanism: PasswordMechanism, faults: &mut Faults) -> Option<Sasl> {
        for beside in [
            &self.token_endpoint,
            &self.client_id,
            &self.client_secret,
            &self.scope,
        ]
        .into_iter()
        .flatten()
        {
            faults.add(beside.fault("is for OAUTHBEARER", "leave it out"));
        }
        let username = required(self.username, "log.sasl.username", faults);
        let password = required(self.password, "log.sasl.password", faults)
            .and_then(|given| secret::text(&given, faults));
        Some(Sasl::Password {
            mechanism,
            user: username?.value,
            password: Password::new(password?),
        })
    }

    fn oauth(self, faults: &mut Faults) -> Option<Sasl> {
        for beside in [&self.username, &self.password].into_iter().flatten() {
            faults.add(beside.fault("is not for OAUTHBEARER", "leave it out"));
        }
        let endpoint = required(self.token_endpoint, "log.sasl.tokenEndpoint", faults)
            .and_then(|given| faults.keep(endpoint(&given)));
        let client_id = required(self.client_id, "log.sasl.clientId", faults);
        let client_secret = required(self.client_secret, "log.sasl.clientSecret", faults)
            .and_then(|given| secret::text(&given, faults));
        Some(Sasl::OAuthBearer {
            token_endpoint: endpoint?.into(),
            client_id: client_id?.value,
            client_secret: Password::new(client_secret?),
            scope: self.scope.map(|given| given.value),
        })
    }
}

fn required<T>(given: Option<Given<T>>, field: &str, faults: &mut Faults) -> Option<Given<T>> {
    if given.is_none() {
        faults.add(Fault::missing(field, "add it"));
    }
    given
}

/// A log that more than one process can write to.
fn shared(given: &Given<String>) -> Result<String, Fault> {
    const EXAMPLE: &str = "kafka://kafka.example:9092/onedoor";
    match given.value.split_once("://") {
        Some(("sqlite", _)) => Err(given.fault(
            "is an embedded log, which belongs to one process",
            format!(
                "run it with `onedoor serve`; or name a log that processes share, {EXAMPLE}, and move it there with `onedoor log copy`"
            ),
        )),
        Some((_, rest)) if rest.contains('@') => Err(given.fault(
            "holds a user or a password",
            "take it out, and give [log.sasl] with username and password = \"env:NAME\"",
        )),
        Some(_) | None => check_kafka_url(&given.value)
            .map(|()| given.value.clone())
            .map_err(|rule| given.fault(format!("is no log that processes share: {rule}"), format!("write it as {EXAMPLE}"))),
    }
}

/// The brokers' hosts.
fn hosts(url: &str) -> impl Iterator<Item = &str> {
    let brokers = url
        .trim_start_matches("kafka://")
        .split('/')
        .next()
        .unwrap_or_default();
    brokers
        .split(',')
        .filter_map(|broker| Some(broker.rsplit_once(':')?.0))
}

/// What a client proves itself by must not be read on the way.
fn in_plain_text(given: &Given<String>, url: &str, sasl: Option<&Sasl>) -> Result<(), Fault> {
    let shown = match sasl {
        Some(Sasl::Password {
            mechanism: PasswordMechanism::Plain,
            ..
        }) => "the password",
        Some(Sasl::OAuthBearer { .. }) => "the token",
        Some(Sasl::Password {
            mechanism: PasswordMechanism::ScramSha256 | PasswordMechanism::ScramSha512,
            ..
        })
        | None => return Ok(()),
    };
    if hosts(url).all(is_here) {
        return Ok(());
    }
    Err(given.fault(
        format!("{shown} of [log.sasl] would cross the network in plain text"),
        "give [log] a table tls; or use SCRAM-SHA-512",
    ))
}

fn endpoint(given: &Given<String>) -> Result<url::Url, Fault> {
    let url = url::Url::parse(&given.value)
        .ok()
        .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .ok_or_else(|| {
            given.fault(
                format!("{:?} is no http(s) URL", given.value),
                "write the authorization server's token endpoint",
            )
        })?;
    if url.scheme() == "http" && !url.host_str().is_some_and(is_here) {
        return Err(given.fault(
            "is http: the client secret would cross the network in plain text",
            "write https",
        ));
    }
    Ok(url)
}
