//! `onedoor serve` as its operator has it: a bootstrap file, TLS, a first admin, a restart, a backup. Against a real identity provider,
//! and word for word as the documentation has it: `make serve-test`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
};

use onedoor_tests::{
    binary,
    idp::{ADMIN_AUDIENCE, Idp, TENANT},
    manifest::Manifest,
    stack::ports,
    token::Token,
    wait,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const FIRST_ADMIN: &str = "ann";

/// An installation's folder, and its identity provider.
struct Site {
    folder: TempDir,
    idp: Idp,
    admin_url: String,
}

impl Site {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let pem = |name: &str, tag, der: &[u8]| {
            fs::write(folder.path().join(name), pem::encode(&pem::Pem::new(tag, der))).unwrap();
        };
        pem("tls.crt", "CERTIFICATE", cert.der());
        pem("tls.key", "PRIVATE KEY", &signing_key.serialize_der());

        let idp = Idp::start("corp").await;
        let (data, admin) = (ports::free(), ports::free());
        let tls = format!(
            "{{ certificate = {:?}, key = {:?} }}",
            folder.path().join("tls.crt"),
            folder.path().join("tls.key")
        );
        let plane = |port| format!("listen = \"127.0.0.1:{port}\"\ntls = {tls}");
        let config = format!(
            "data = {:?}\npublicUrl = \"https://localhost:{data}\"\n\
             [dataPlane]\n{}\n[adminPlane]\n{}\n\
             [settings]\ninternalNetworks = [\"127.0.0.0/8\"]\n\
             [[firstAdmins]]\nissuer = \"corp\"\ntenant = \"{TENANT}\"\nuser = \"{FIRST_ADMIN}\"\n{}",
            folder.path().join("data"),
            plane(data),
            plane(admin),
            idp.registration_toml()
        );
        fs::write(folder.path().join("onedoor.toml"), config).unwrap();
        Self {
            folder,
            idp,
            admin_url: format!("https://localhost:{admin}"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the door, and waits until it answers its first admin.
    async fn start(&self) -> Child {
        let config = self.path("onedoor.toml");
        let mut door = Command::new(binary::onedoor())
            .args([Path::new("serve"), Path::new("--config"), &config])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        wait::until("the door", async || {
            assert!(door.try_wait().unwrap().is_none(), "the door has ended");
            let shown = self.run(&["log", "show"]).await;
            shown.status.success().then_some(())
        })
        .await;
        door
    }

    async fn run(&self, args: &[&str]) -> Output {
        self.command(args)
            .env("SSL_CERT_FILE", self.path("tls.crt"))
            .output()
            .await
            .unwrap()
    }

    /// What a command of the first admin says, which must succeed.
    async fn says(&self, args: &[&str]) -> String {
        let output = self.run(args).await;
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary::onedoor());
        command
            .args(args)
            .env("ONEDOOR_ADMIN_URL", &self.admin_url)
            .env("ONEDOOR_TOKEN", self.token().expose())
            .env("ONEDOOR_DATA", self.path("data"))
            .stdin(Stdio::null());
        command
    }

    fn token(&self) -> Token {
        let mut claims = self.idp.claims(FIRST_ADMIN, &[]);
        claims["aud"] = json!(ADMIN_AUDIENCE);
        self.idp.sign(&claims)
    }

    async fn revision(&self) -> Value {
        let shown = self.says(&["log", "show", "--format", "json"]).await;
        serde_json::from_str::<Value>(&shown).unwrap()["revision"].clone()
    }
}

/// Asks a process to end, and waits until it has.
async fn stop(mut door: Child) -> ExitStatus {
    let pid = door.id().unwrap().to_string();
    let asked = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
    assert!(asked.success());
    wait::within("the door ends", door.wait()).await.unwrap()
}

#[tokio::test]
async fn a_first_admin_administers_over_tls_and_a_restart_goes_on() {
    let site = Site::new().await;
    let door = site.start().await;

    // Who does not know the certificate's authority does not get through.
    let stranger = site.command(&["log", "show"]).output().await.unwrap();
    assert_eq!(stranger.status.code(), Some(6), "{stranger:?}");

    let manifest = Manifest::new("books", "http://127.0.0.1:9/mcp", ["read"]);
    fs::write(site.path("books.json"), manifest.to_string()).unwrap();
    let file = site.path("books.json").display().to_string();
    site.says(&["server", "register", &file, "--reason", "set up"])
        .await;
    let history = site
        .says(&["server", "history", "books", "--format", "json"])
        .await;
    assert!(
        history.contains("as first admin by the bootstrap file: set up"),
        "{history}"
    );

    let revision = site.revision().await.as_u64().unwrap();
    assert!(stop(door).await.success());
    let door = site.start().await;
    assert_eq!(
        site.revision().await,
        revision + 1,
        "a restart joins, and changes nothing"
    );
    assert!(stop(door).await.success());
}

#[tokio::test]
async fn a_restored_installation_waits_for_its_security_admin() {
    let site = Site::new().await;
    let door = site.start().await;
    let backup = site.path("backup").display().to_string();
    site.says(&["backup", &backup]).await;
    let in_use = site.run(&["restore", &backup, "--replace"]).await;
    assert!(!in_use.status.success());
    stop(door).await;

    let restored = site.says(&["restore", &backup, "--replace"]).await;
    assert!(restored.contains("accept-restore"), "{restored}");
    let door = site.start().await;
    let waiting = "nothing, until a Security.Admin accepts";
    assert!(site.says(&["log", "show"]).await.contains(waiting));
    site.says(&["log", "accept-restore"]).await;
    assert!(!site.says(&["log", "show"]).await.contains(waiting));
    stop(door).await;
}

#[tokio::test]
async fn a_configuration_at_fault_is_told_whole_and_nothing_is_written() {
    let site = Site::new().await;
    let config = site.path("onedoor.toml");
    let good = fs::read_to_string(&config).unwrap();
    let check = async |text: &str| {
        fs::write(&config, text).unwrap();
        let config = config.display().to_string();
        let checked = site.run(&["check-config", "--config", &config]).await;
        let started = site.run(&["serve", "--config", &config]).await;
        assert_eq!(checked.status.code(), started.status.code());
        assert_eq!(checked.stderr, started.stderr);
        assert!(!site.path("data").exists());
        (checked.status.code(), String::from_utf8(checked.stderr).unwrap())
    };
    let bad = good
        .replace("publicUrl", "publicURL")
        .replace("tls.key", "tls.crt")
        .replace("jwksUri = \"http", "jwksUri = \"gopher");
    let (code, told) = check(&bad).await;
    assert_eq!(code, Some(64));
    for fault in [
        "onedoor.toml:2: publicURL: is not known here",
        "dataPlane.tls.certificate: ",
        "adminPlane.tls.certificate: ",
        "issuers[0].jwksUri: ",
    ] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
}
