mod replicas;

use std::{collections::BTreeMap, fs, net::SocketAddr};

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::telemetry::{self, Logging};

/// A whole file without fault.
const GOOD: &str = r#"
data = "/tmp/onedoor-config-test"
publicUrl = "https://door.example"
plainText = true

[dataPlane]
listen = "0.0.0.0:8443"

[adminPlane]
listen = "0.0.0.0:8444"

[[firstAdmins]]
issuer = "corp"
tenant = "t1"
user = "ann"

[[issuers]]
name = "corp"
urls = ["https://login.example/t1"]
tenants = ["t1"]
jwksUri = "https://login.example/t1/keys"
authorizationServer = "https://login.example/t1"
algorithms = ["RS256"]
data = { audiences = ["api://data"], clients = ["*"], requiredScope = "tools" }
admin = { audiences = ["api://admin"], clients = ["cli"] }

[settings]
internalNetworks = ["10.0.0.0/8"]
"#;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    config: ServeArgs,
}

/// What a configuration is read from.
#[derive(Default)]
struct Given {
    file: Option<String>,
    flags: Vec<&'static str>,
    variables: BTreeMap<&'static str, &'static str>,
}

impl Given {
    fn file(text: impl Into<String>) -> Self {
        Self {
            file: Some(text.into()),
            ..Self::default()
        }
    }

    fn flags<const N: usize>(mut self, flags: [&'static str; N]) -> Self {
        self.flags.extend(flags);
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.insert(name, value);
        self
    }

    fn read(&self) -> Result<ServeConfig, Faults> {
        let folder = tempfile::tempdir().unwrap();
        self.read_in(&folder)
    }

    fn read_in(&self, folder: &TempDir) -> Result<ServeConfig, Faults> {
        let path = folder.path().join("onedoor.toml");
        let mut line = vec!["onedoor".to_owned()];
        if let Some(text) = &self.file {
            fs::write(&path, text).unwrap();
            line.extend(["--config".to_owned(), path.display().to_string()]);
        }
        line.extend(self.flags.iter().map(|flag| (*flag).to_owned()));
        let args = CommandLine::try_parse_from(line).unwrap().config;
        ServeConfig::read(&args, &|name| {
            self.variables.get(name).map(|value| (*value).to_owned())
        })
    }

    /// The faults, as "source field: message", with the file's folder left out.
    #[track_caller]
    fn faults(&self) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let faults = self.read_in(&folder).expect_err("a fault");
        shown(&faults, folder.path())
    }
}

/// Faults as "source field: message", with a folder left out.
fn shown(faults: &Faults, folder: &Path) -> Vec<String> {
    let beside = format!("{}/", folder.display());
    let shown = faults.as_slice().iter().map(|fault| {
        assert!(!fault.hint.is_empty(), "{fault}");
        format!("{} {}: {}", fault.source, fault.field, fault.message).replace(&beside, "")
    });
    shown.collect()
}

fn addresses(config: &ServeConfig) -> [SocketAddr; 2] {
    [config.door.data_plane.listen, config.door.admin_plane.listen]
}

#[test]
fn a_whole_file_is_read() {
    let config = Given::file(GOOD).read().unwrap().door;
    assert_eq!(config.public_url, "https://door.example");
    assert_eq!(config.admin_url, "http://door.example:8444");
    assert_eq!(config.data_plane.hosts, ["door.example", "door.example:443"]);
    assert_eq!(config.admin_plane.hosts, ["door.example:8444"]);
    assert_eq!(config.issuers[0].name.as_str(), "corp");
    assert_eq!(config.first_admins[0].to_string(), "user ann of corp/t1");
    assert_eq!(config.settings.unwrap().internal_networks.len(), 1);
}

#[test]
fn without_a_file_there_are_defaults_on_loopback() {
    let given = Given::default().flags(["--public-url", "http://localhost:8080", "--data", "/tmp"]);
    let config = given.read().unwrap();
    assert_eq!(
        addresses(&config).map(|address| address.to_string()),
        ["127.0.0.1:8080", "127.0.0.1:8081"]
    );
    assert_eq!(config.door.admin_url, "http://localhost:8081");
    assert_eq!(
        config.door.admin_plane.hosts,
        ["localhost:8081", "127.0.0.1:8081"]
    );
}

#[test]
fn flags_go_before_variables_and_those_before_the_file() {
    let port = |given: Given| given.read().unwrap().door.data_plane.listen.port();
    assert_eq!(port(Given::file(GOOD)), 8443);
    let variable = || Given::file(GOOD).variable("ONEDOOR_LISTEN", "0.0.0.0:1111");
    assert_eq!(port(variable()), 1111);
    assert_eq!(port(variable().flags(["--listen", "0.0.0.0:2222"])), 2222);
}

#[test]
fn every_flag_has_a_variable_and_a_key() {
    let wrong = "no address";
    for (flag, variable, key) in [
        ("--listen", "ONEDOOR_LISTEN", "dataPlane.listen"),
        ("--admin-listen", "ONEDOOR_ADMIN_LISTEN", "adminPlane.listen"),
        ("--public-url", "ONEDOOR_PUBLIC_URL", "publicUrl"),
        ("--admin-url", "ONEDOOR_ADMIN_URL", "adminUrl"),
    ] {
        let by_flag = Given::file(GOOD).flags([flag, wrong]).faults();
        assert!(by_flag[0].starts_with(&format!("{flag} {key}: ")), "{by_flag:?}");
        let by_variable = Given::file(GOOD).variable(variable, wrong).faults();
        assert!(
            by_variable[0].starts_with(&format!("{variable} {key}: ")),
            "{by_variable:?}"
        );
    }
    for (flag, variable, key) in [
        ("--tls-key", "ONEDOOR_TLS_KEY", "dataPlane.tls.key"),
        (
            "--tls-certificate",
            "ONEDOOR_TLS_CERTIFICATE",
            "dataPlane.tls.certificate",
        ),
        ("--admin-tls-key", "ONEDOOR_ADMIN_TLS_KEY", "adminPlane.tls.key"),
        (
            "--admin-tls-certificate",
            "ONEDOOR_ADMIN_TLS_CERTIFICATE",
            "adminPlane.tls.certificate",
        ),
    ] {
        let by_flag = Given::file(GOOD).flags([flag, wrong]).faults();
        assert!(
            by_flag[0].starts_with(&format!("{flag} {key}: has no ")),
            "{by_flag:?}"
        );
        let by_variable = Given::file(GOOD).variable(variable, wrong).faults();
        assert!(
            by_variable[0].starts_with(&format!("{variable} {key}: has no ")),
            "{by_variable:?}"
        );
    }
    let plain = GOOD.replace("plainText = true", "");
    assert!(Given::file(&plain).read().is_err());
    assert!(
        Given::file(&plain)
            .variable("ONEDOOR_PLAIN_TEXT", "true")
            .read()
            .is_ok()
    );
    assert!(Given::file(&plain).flags(["--plain-text"]).read().is_ok());
    let data = Given::file(GOOD).variable("ONEDOOR_DATA", "/dev/null").faults();
    assert_eq!(data, ["ONEDOOR_DATA data: /dev/null is no folder"]);
}

#[test]
fn all_faults_are_told_at_once_each_with_its_line() {
    let text = GOOD
        .replace(
            "publicUrl = \"https://door.example\"",
            "publicURL = \"https://door.example\"",
        )
        .replace("\"0.0.0.0:8443\"", "8443")
        .replace("user = \"ann\"", "user = \"ann\"\ngroup = \"g\"")
        .replace("jwksUri = \"https://", "jwksUri = \"ftp://")
        .replace("algorithms = [\"RS256\"]", "algorithms = [\"HS256\"]")
        .replace("10.0.0.0/8", "10.0.0.0/99");
    assert_eq!(
        Given::file(text).faults(),
        [
            "onedoor.toml:7 dataPlane.listen: must be a text in quotes",
            "onedoor.toml:3 publicURL: is not known here",
            "not given publicUrl: is missing",
            "onedoor.toml:12 firstAdmins[0]: names neither one user nor one group nor one role",
            "onedoor.toml:24 issuers[0].algorithms[0]: \"HS256\" is not one of the values",
            "onedoor.toml:29 settings.internalNetworks[0]: \"10.0.0.0/99\" is not a network",
        ]
    );
}

#[test]
fn an_unknown_key_is_told_what_was_meant() {
    let faults = Given::file(format!("dat = \"/tmp\"\n{GOOD}").replacen("[dataPlane]", "[dataPlan]", 1))
        .read()
        .unwrap_err()
        .to_string();
    for meant in ["did you mean `dataPlane`?", "known here: data, "] {
        assert!(faults.contains(meant), "{faults}");
    }
}

#[test]
fn the_file_of_a_gateway_is_told_from_a_mistake() {
    let gateway = format!("keys = \"/keys\"\nlog.url = \"kafka://k:9092/onedoor\"\n{GOOD}");
    assert_eq!(Given::file(&gateway).faults().len(), 1);
    let faults = Given::file(gateway).read().unwrap_err().to_string();
    assert!(
        faults.contains("log: is for replicas") && faults.contains("check-config gateway"),
        "{faults}"
    );
}

#[test]
fn what_was_given_badly_is_not_told_to_be_missing() {
    let text = GOOD.replace("publicUrl = \"https://door.example\"", "publicUrl = 8443");
    assert_eq!(
        Given::file(text).faults(),
        ["onedoor.toml:3 publicUrl: must be a text in quotes"]
    );
}

#[test]
fn every_line_that_is_no_toml_is_named() {
    let faults = Given::file(format!("a = = 1\n{GOOD}\nb = \"open\nc = 1")).faults();
    let syntax: Vec<_> = faults.iter().filter(|fault| fault.contains("no TOML")).collect();
    assert!(syntax[0].starts_with("onedoor.toml:1 "), "{faults:?}");
    assert!(
        syntax.iter().any(|fault| fault.starts_with("onedoor.toml:31 ")),
        "{faults:?}"
    );
}

#[test]
fn plain_text_stays_on_this_machine_unless_it_is_allowed() {
    let with = |plain: bool, text: &str| {
        let plain = format!("plainText = {plain}\n");
        Given::file(format!("data = \"/tmp\"\n{plain}{text}"))
            .read()
            .map(|_| ())
    };
    for good in [
        "publicUrl = \"http://localhost:8080\"",
        "publicUrl = \"http://127.0.0.1:8080\"\ndataPlane.listen = \"[::1]:8080\"",
        // Something in front speaks TLS, on the same machine.
        "publicUrl = \"https://door.example\"",
    ] {
        assert_eq!(with(false, good), Ok(()), "{good}");
    }
    for bad in [
        "publicUrl = \"http://door.example\"",
        "publicUrl = \"https://door.example\"\ndataPlane.listen = \"0.0.0.0:8080\"",
        "publicUrl = \"https://door.example\"\nadminPlane.listen = \"10.0.0.1:8081\"",
        "publicUrl = \"https://door.example\"\nadminUrl = \"http://admin.example\"",
    ] {
        assert!(with(false, bad).is_err(), "{bad}");
        assert_eq!(with(true, bad), Ok(()), "{bad}");
    }
}

#[test]
fn urls_and_hosts_are_origins_and_hosts() {
    for bad in [
        "door.example",
        "ftp://door.example",
        "https://door.example/path",
        "https://door.example?x",
        "https://ann@door.example",
        "https://",
    ] {
        let text = GOOD.replace("https://door.example\"", &format!("{bad}\""));
        assert_eq!(Given::file(text).faults().len(), 1, "{bad}");
    }
    let hosts = GOOD.replace(
        "\"0.0.0.0:8443\"",
        "\"0.0.0.0:8443\"\nhosts = [\"a.example\", \"http://b\", \"c d\"]",
    );
    assert_eq!(
        Given::file(hosts).faults(),
        [
            "onedoor.toml:8 dataPlane.hosts: \"http://b\" is no host",
            "onedoor.toml:8 dataPlane.hosts: \"c d\" is no host",
        ]
    );
}

#[test]
fn logs_are_said_in_the_file_where_nothing_else_says_it() {
    let with = |telemetry: &str| Given::file(format!("{GOOD}\n[telemetry]\n{telemetry}"));
    let logging = with("log = \"debug\"\nlogFormat = \"json\"")
        .read()
        .unwrap()
        .door
        .logging;
    assert_eq!(logging.log_format, Some(telemetry::Format::Json));
    let flag = Logging {
        log: Some("warn".to_owned()),
        ..Logging::default()
    };
    let both = flag.or(logging);
    assert_eq!(
        (both.log.as_deref(), both.log_format),
        (Some("warn"), Some(telemetry::Format::Json))
    );
    assert_eq!(with("log = \"a=b=c\"\nlogFormat = \"xml\"").faults().len(), 2);
}

#[test]
fn planes_do_not_share_a_port() {
    let text = GOOD.replace("8444", "8443");
    assert_eq!(
        Given::file(text).faults(),
        ["onedoor.toml:10 adminPlane.listen: is where the data plane listens"]
    );
}

#[test]
fn two_issuers_have_two_names() {
    let issuer = &GOOD[GOOD.find("[[issuers]]").unwrap()..GOOD.find("[settings]").unwrap()];
    assert_eq!(
        Given::file(format!("{GOOD}\n{issuer}")).faults(),
        ["onedoor.toml:31 issuers[1].name: there is another issuer corp"]
    );
}

#[test]
fn a_secret_in_the_file_is_a_fault_and_not_repeated() {
    let credential = |secret: &str| {
        let client = format!(
            "onBehalfOf = {{ tokenEndpoint = \"https://login.example/token\", client = \"door\", \
             credential = {{ secret = \"{secret}\" }} }}"
        );
        GOOD.replace("algorithms", &format!("{client}\nalgorithms"))
    };
    assert!(Given::file(credential("env:DOOR_SECRET")).read().is_ok());
    let key = "-----BEGIN PRIVATE KEY-----hunter2";
    for literal in [
        credential("hunter2"),
        GOOD.replace(
            "[adminPlane]",
            &format!("tls.certificate = \"/x\"\ntls.key = \"{key}\"\n[adminPlane]"),
        ),
    ] {
        let faults = Given::file(literal).read().unwrap_err().to_string();
        assert!(!faults.contains("hunter2"), "{faults}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_and_nothing_that_it_might_have_held() {
    let given = Given::default().flags(["--config", "/nowhere/onedoor.toml"]);
    assert_eq!(
        given.faults(),
        ["/nowhere/onedoor.toml:1 : cannot be read: No such file or directory (os error 2)"]
    );
}
