//! The configuration of gateways and of the projector, which may be one file.

use std::os::unix::fs::PermissionsExt as _;

use clap::CommandFactory as _;
use onedoor_gateway::Keys;
use onedoor_log::{PasswordMechanism, Sasl};

use super::*;

/// A whole file for both roles. `KEYS` and `SECRET` stand for places in the test's folder.
const WHOLE: &str = r#"
replica = "gateway-1"
keys = "KEYS"
publicUrl = "https://door.example"
plainText = true
drainSeconds = 0
graceSeconds = 40

[log]
url = "kafka://k1:9092,k2:9092/onedoor"
sasl = { mechanism = "SCRAM-SHA-512", username = "door", password = "file:SECRET" }
auditPartitions = 12
createTopics = false

[database]
url = "postgres://onedoor@db.example:5432/onedoor"
password = "file:SECRET"

[redis]
url = "redis://door@redis.example:6379"
password = "file:SECRET"
keys = ["file:SECRET"]

[projector]
listen = "127.0.0.1:9999"
"#;

/// 32 bytes in Base64, which is a password as good as any.
const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";

#[derive(Parser)]
struct GatewayLine {
    #[command(flatten)]
    config: GatewayArgs,
}

#[derive(Parser)]
struct ProjectorLine {
    #[command(flatten)]
    config: ProjectorArgs,
}

/// A folder with keys, a secret and a file.
struct Scene {
    folder: TempDir,
    file: String,
    flags: Vec<&'static str>,
    variables: BTreeMap<&'static str, &'static str>,
}

impl Scene {
    fn of(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        Keys::generate(&folder.path().join("keys")).unwrap();
        fs::write(at("secret"), SECRET).unwrap();
        fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        let text = text
            .replace("KEYS", &at("keys"))
            .replace("SECRET", &at("secret"))
            .replace("FOLDER", &at(""));
        let file = at("onedoor.toml");
        fs::write(&file, text).unwrap();
        Self {
            folder,
            file,
            flags: Vec::new(),
            variables: BTreeMap::new(),
        }
    }

    /// Files that look like a certificate and its key.
    fn pem_files(&self) {
        let pem = |kind: &str| format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n");
        fs::write(self.folder.path().join("cert.pem"), pem("CERTIFICATE")).unwrap();
        fs::write(self.folder.path().join("key.pem"), pem("EC PRIVATE KEY")).unwrap();
    }

    fn line(&self) -> Vec<&str> {
        let file = ["onedoor", "--config", &self.file];
        file.into_iter().chain(self.flags.iter().copied()).collect()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn gateway(&self) -> Result<GatewayConfig, Faults> {
        let args = GatewayLine::try_parse_from(self.line()).unwrap().config;
        GatewayConfig::read(&args, &|name| self.variable(name))
    }

    fn projector(&self) -> Result<ProjectorConfig, Faults> {
        let args = ProjectorLine::try_parse_from(self.line()).unwrap().config;
        ProjectorConfig::read(&args, &|name| self.variable(name))
    }

    /// A gateway's faults, as "source field: message", with the folder left out.
    #[track_caller]
    fn faults(&self) -> Vec<String> {
        shown(&self.gateway().expect_err("a fault"), self.folder.path())
    }
}

#[test]
fn one_file_serves_both_roles() {
    let scene = Scene::of(WHOLE);
    let gateway = scene.gateway().unwrap();
    assert_eq!(gateway.replica.as_str(), "gateway-1");
    assert_eq!(
        (gateway.drain.notice.as_secs(), gateway.drain.grace.as_secs()),
        (0, 40)
    );
    assert_eq!(gateway.log.url, "kafka://k1:9092,k2:9092/onedoor");
    let kafka = gateway.log.kafka;
    assert_eq!((kafka.audit_partitions, kafka.create_topics), (12, false));
    let Some(Sasl::Password { mechanism, user, .. }) = &kafka.sasl else {
        panic!("{kafka:?}");
    };
    assert_eq!(
        (*mechanism, user.as_str()),
        (PasswordMechanism::ScramSha512, "door")
    );
    assert_eq!(gateway.database.schema, "onedoor");
    assert_eq!(gateway.redis.unwrap().url, "redis://door@redis.example:6379");
    let projector = scene.projector().unwrap();
    assert_eq!(projector.listen.port(), 9999);
    assert_eq!(projector.database.url.host_str(), Some("db.example"));
}

#[test]
fn what_is_left_out_has_defaults() {
    let gateway = Scene::of(
        r#"
        keys = "KEYS"
        publicUrl = "http://localhost:8080"
        log.url = "kafka://k:9092/onedoor"
        database.url = "postgres://db/onedoor"
        "#,
    )
    .gateway()
    .unwrap();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(gateway.replica.as_str(), host.trim());
    assert_eq!(
        (gateway.drain.notice.as_secs(), gateway.drain.grace.as_secs()),
        (5, 30)
    );
    assert!(gateway.redis.is_none());
    assert!(gateway.log.kafka.tls.is_none() && gateway.log.kafka.sasl.is_none());
}

#[test]
fn flags_and_variables_go_before_the_file() {
    let mut scene = Scene::of(WHOLE);
    scene.variables = BTreeMap::from([
        ("ONEDOOR_REPLICA", "by-variable"),
        ("ONEDOOR_LOG_URL", "kafka://by-variable:1/x"),
        ("ONEDOOR_DATABASE_URL", "postgres://by-variable/x"),
        ("ONEDOOR_REDIS_URL", "redis://by-variable"),
        ("ONEDOOR_DRAIN_SECONDS", "7"),
        ("ONEDOOR_PROJECTOR_LISTEN", "127.0.0.1:7"),
    ]);
    let gateway = scene.gateway().unwrap();
    assert_eq!(gateway.replica.as_str(), "by-variable");
    assert_eq!(gateway.log.url, "kafka://by-variable:1/x");
    assert_eq!(gateway.database.url.as_str(), "postgres://by-variable/x");
    assert_eq!(gateway.redis.unwrap().url, "redis://by-variable");
    assert_eq!(gateway.drain.notice.as_secs(), 7);
    assert_eq!(scene.projector().unwrap().listen.port(), 7);
    scene.flags = vec!["--replica", "by-flag", "--grace-seconds", "8"];
    let gateway = scene.gateway().unwrap();
    assert_eq!(
        (gateway.replica.as_str(), gateway.drain.grace.as_secs()),
        ("by-flag", 8)
    );
}

#[test]
fn all_faults_of_all_parts_are_told_at_once() {
    let text = WHOLE
        .replace("drainSeconds = 0", "drainSeconds = 100000")
        .replace("kafka://k1", "kafka://me:hunter2@k1")
        .replace("SCRAM-SHA-512", "SCRAM-SHA-1")
        .replace("onedoor@db", "onedoor:hunter2@db")
        .replace("password = \"file:SECRET\"\nkeys", "password = \"hunter2\"\nkeys")
        .replace(
            "keys = [\"file:SECRET\"]",
            "keys = [\"env:ONEDOOR_HAS_NO_SUCH_KEY\"]\ncache = 1",
        );
    let scene = Scene::of(&text);
    assert_eq!(
        scene.faults(),
        [
            "onedoor.toml:23 redis.cache: is not known here",
            "onedoor.toml:6 drainSeconds: \"100000\" is no whole number within bounds",
            "onedoor.toml:10 log.url: holds a user or a password",
            "onedoor.toml:11 log.sasl.mechanism: \"SCRAM-SHA-1\" is not known",
            "onedoor.toml:16 database.url: holds a password",
            "onedoor.toml:21 redis.password: is no reference to a secret",
            "onedoor.toml:22 redis.keys[0]: the environment has no variable for the secret env:ONEDOOR_HAS_NO_SUCH_KEY",
        ]
    );
    let said = scene.gateway().unwrap_err().to_string();
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn the_log_is_one_in_kafka() {
    for (url, told) in [
        ("kafka://", "must be followed by / and a prefix"),
        ("kafka://k1:9092", "must be followed by / and a prefix"),
        ("kafka://k1/onedoor", "brokers as host:port"),
        ("kafka://k1:99999/onedoor", "brokers as host:port"),
        ("kafka://k1:9092/one door", "the prefix must have"),
        ("memory://", "it must start with kafka://"),
        ("k1:9092/onedoor", "it must start with kafka://"),
    ] {
        let faults = Scene::of(&WHOLE.replace("kafka://k1:9092,k2:9092/onedoor", url)).faults();
        let [fault] = &faults[..] else {
            panic!("{url}: {faults:?}")
        };
        assert!(
            fault.starts_with("onedoor.toml:10 log.url: ") && fault.contains(told),
            "{url}: {fault}"
        );
    }
}

#[test]
fn a_key_for_redis_is_told_by_its_place() {
    let scene = Scene::of(&WHOLE.replace(
        "keys = [\"file:SECRET\"]",
        "keys = [\"file:SECRET\", \"file:FOLDERshort\"]",
    ));
    fs::write(scene.folder.path().join("short"), "AQEB").unwrap();
    let faults = scene.faults();
    assert!(
        faults.len() == 1
            && faults[0].starts_with("onedoor.toml:22 redis.keys[1]: the secret file:short is not 32 bytes"),
        "{faults:?}"
    );
}

#[test]
fn keys_are_not_for_everybody() {
    let scene = Scene::of(WHOLE);
    let keys = scene.folder.path().join("keys");
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&keys.join("seal.key"), 0o644);
    scene.gateway().expect("nobody else can come into the folder");
    set(&keys, 0o755);
    assert_eq!(
        scene.faults(),
        ["onedoor.toml:3 keys: everybody on this machine may read keys/seal.key"]
    );
    set(&keys.join("seal.key"), 0o640);
    scene.gateway().expect("a group may read them");
}

#[test]
fn what_crosses_a_network_in_plain_text_is_remarked_on() {
    let remarks = |text: &str| Scene::of(text).gateway().unwrap().door.logging.remarks;
    let told = remarks(WHOLE);
    for part in [
        "log.url: what is said to k1",
        "database.url: what is said to db.example",
        "redis.url: what is said to redis.example",
    ] {
        assert!(
            told.iter().any(|remark| remark.contains(part)),
            "{part}: {told:?}"
        );
    }
    let here = WHOLE
        .replace("k1:9092,k2:9092", "127.0.0.1:9092,[::1]:9093")
        .replace("db.example", "localhost")
        .replace("redis://door@redis.example", "rediss://door@redis.example");
    assert_eq!(remarks(&here), [""; 0]);
}

#[test]
fn what_everybody_may_read_is_remarked_on() {
    let tls = r#"tls = { certificate = "FOLDERcert.pem", key = "FOLDERkey.pem" }"#;
    let scene = Scene::of(&WHOLE.replace("auditPartitions = 12", tls));
    scene.pem_files();
    let remarks = |mode| {
        for name in ["secret", "key.pem"] {
            fs::set_permissions(scene.folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let remarks = scene.projector().unwrap().logging.remarks;
        remarks.into_iter().filter(|remark| remark.contains("everybody"))
    };
    let told: Vec<_> = remarks(0o644).collect();
    for field in ["log.sasl.password", "log.tls.key", "database.password"] {
        let is_told =
            |remark: &String| remark.contains(&format!("{field}: everybody on this machine may read"));
        assert!(
            told.iter().any(is_told) && told[0].contains("chmod o-rwx"),
            "{field}: {told:?}"
        );
    }
    assert_eq!(remarks(0o640).count(), 0);
}

#[test]
fn what_proves_this_client_is_not_shown_in_plain_text() {
    let plain = WHOLE.replace("SCRAM-SHA-512", "PLAIN");
    assert_eq!(
        Scene::of(&plain).faults(),
        ["onedoor.toml:10 log.url: the password of [log.sasl] would cross the network in plain text"]
    );
    for good in [
        plain.replace("k1:9092,k2:9092", "localhost:9092"),
        plain.replace("auditPartitions = 12", "tls = {}"),
    ] {
        Scene::of(&good).gateway().unwrap();
    }
}

#[test]
fn an_embedded_log_belongs_to_one_process() {
    let scene = Scene::of(&WHOLE.replace("kafka://k1:9092,k2:9092/onedoor", "sqlite:///var/lib/onedoor/log"));
    assert_eq!(
        scene.faults(),
        ["onedoor.toml:10 log.url: is an embedded log, which belongs to one process"]
    );
    let said = scene.projector().unwrap_err().to_string();
    assert!(
        said.contains("onedoor serve") && said.contains("onedoor log copy"),
        "{said}"
    );
}

#[test]
fn every_replica_needs_the_whole_set_of_keys() {
    let scene = Scene::of(WHOLE);
    fs::remove_file(scene.folder.path().join("keys/seal.key")).unwrap();
    assert_eq!(scene.faults(), ["onedoor.toml:3 keys: keys has no seal.key"]);
    let said = scene.gateway().unwrap_err().to_string();
    assert!(said.contains("onedoor keys generate --into"), "{said}");
    scene.projector().expect("it needs no keys");
}

#[test]
fn what_must_be_there_is_said_with_an_example() {
    let scene = Scene::of("[redis]\nprefix = \"a b\"");
    let missing: Vec<_> = [
        "keys",
        "log.url",
        "database.url",
        "redis.url",
        "redis.keys",
        "publicUrl",
    ]
    .into();
    let faults = scene.faults();
    for field in missing {
        assert!(
            faults.contains(&format!("not given {field}: is missing")),
            "{field}: {faults:?}"
        );
    }
    assert!(
        faults.iter().any(|fault| fault.contains("redis.prefix")),
        "{faults:?}"
    );
}

#[test]
fn tls_files_are_looked_into() {
    let with = |tls: &str| {
        let scene = Scene::of(&WHOLE.replace("auditPartitions = 12", &format!("tls = {tls}")));
        scene.pem_files();
        scene
    };
    let whole = with(r#"{ ca = "FOLDERcert.pem", certificate = "FOLDERcert.pem", key = "FOLDERkey.pem" }"#);
    let tls = whole.gateway().unwrap().log.kafka.tls.unwrap();
    assert!(tls.ca.is_some() && tls.client.is_some());
    assert!(
        with("{}").gateway().unwrap().log.kafka.tls.is_some(),
        "with the machine's authorities"
    );
    for (bad, message) in [
        (r#"{ ca = "FOLDERnone.pem" }"#, "log.tls.ca: cannot read none.pem"),
        (
            r#"{ ca = "FOLDERkey.pem" }"#,
            "log.tls.ca: key.pem holds no certificate in PEM",
        ),
        (
            r#"{ key = "FOLDERkey.pem" }"#,
            "log.tls.key: has no certificate beside it",
        ),
        ("true", "log.tls: must be a table"),
    ] {
        let faults = with(bad).faults();
        assert!(
            faults.len() == 1 && faults[0].contains(message),
            "{bad}: {faults:?}"
        );
    }
}

#[test]
fn a_token_for_kafka_is_got_with_a_client_secret() {
    let with = |sasl: &str| {
        let whole = WHOLE.find("sasl = ").unwrap()..WHOLE.find("auditPartitions").unwrap();
        let mut text = WHOLE.to_owned();
        text.replace_range(whole, &format!("sasl = {{ {sasl} }}\n"));
        Scene::of(&text)
    };
    let oauth = with(
        r#"mechanism = "OAUTHBEARER", tokenEndpoint = "https://login.example/token", clientId = "door", clientSecret = "file:SECRET" }
        tls = { "#,
    );
    let Some(Sasl::OAuthBearer { client_id, .. }) = oauth.gateway().unwrap().log.kafka.sasl else {
        panic!("OAUTHBEARER");
    };
    assert_eq!(client_id, "door");
    assert_eq!(
        with(r#"mechanism = "OAUTHBEARER", tokenEndpoint = "http://login.example/token", clientId = "door", clientSecret = "file:SECRET""#).faults(),
        ["onedoor.toml:11 log.sasl.tokenEndpoint: is http: the client secret would cross the network in plain text"]
    );
    assert_eq!(
        with(r#"mechanism = "OAUTHBEARER", username = "door", tokenEndpoint = "login""#).faults(),
        [
            "onedoor.toml:11 log.sasl.username: is not for OAUTHBEARER",
            "onedoor.toml:11 log.sasl.tokenEndpoint: \"login\" is no http(s) URL",
            "not given log.sasl.clientId: is missing",
            "not given log.sasl.clientSecret: is missing",
        ]
    );
}

#[test]
fn every_flag_is_documented() {
    let pages = [
        include_str!("../../../docs/serve.md"),
        include_str!("../../../docs/replicas.md"),
    ]
    .concat();
    for command in [
        CommandLine::command(),
        GatewayLine::command(),
        ProjectorLine::command(),
    ] {
        for flag in command.get_arguments().filter_map(clap::Arg::get_long) {
            assert!(pages.contains(&format!("`--{flag}`")), "--{flag}");
        }
    }
}
