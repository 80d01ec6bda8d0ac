//! TLS towards PostgreSQL: a server of its own, which takes nothing else.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use onedoor_log::Stream;
use onedoor_model::ids::Offset;
use onedoor_projector::{PostgresOptions, PostgresTls, Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{P0, Projector, Writer, caught_up, memory};

/// A PostgreSQL with a certificate for `localhost`.
struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let write = |name: &str, pem: String| fs::write(folder.path().join(name), pem).unwrap();
        let authority = certifier();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        write("ca.pem", pem("CERTIFICATE", authority.der()));
        write("other.pem", pem("CERTIFICATE", certifier().der()));
        write("server.pem", pem("CERTIFICATE", certificate.der()));
        write("server.key", pem("PRIVATE KEY", &key.serialize_der()));
        let secret = fs::Permissions::from_mode(0o600);
        fs::set_permissions(folder.path().join("server.key"), secret).unwrap();
        if is_root() {
            run(Command::new("chown")
                .args(["-R", "nobody:nogroup"])
                .arg(folder.path()));
        }
        let data = folder.path().join("data");
        let mut initdb = unprivileged(folder.path(), "initdb");
        run(initdb
            .args([
                "-A",
                "trust",
                "-U",
                "onedoor",
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(&data));
        fs::write(data.join("pg_hba.conf"), "hostssl all all all trust\n").unwrap();
        let process = unprivileged(folder.path(), "postgres")
            .arg("-D")
            .arg(&data)
            .args([
                "-c",
                &format!("port={port}"),
                "-c",
                "listen_addresses=localhost",
                "-c",
                "ssl=on",
            ])
            .args(["-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", folder.path().display()))
            .arg("-c")
            .arg(format!(
                "ssl_cert_file={}",
                folder.path().join("server.pem").display()
            ))
            .arg("-c")
            .arg(format!(
                "ssl_key_file={}",
                folder.path().join("server.key").display()
            ))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            folder,
            port,
            process,
        }
    }

    fn store(&self, host: &str, tls: Option<&str>) -> impl Future<Output = Store> {
        let url = format!("postgres://onedoor@{host}:{}/postgres", self.port);
        let mut options = PostgresOptions::new(url.parse().unwrap());
        options.tls = tls.map(|ca| PostgresTls {
            ca: Some(self.folder.path().join(ca)),
            client: None,
        });
        async { Store::open(options).await.unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its children end with it.
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.process.wait();
    }
}

fn certifier() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    pem::encode(&pem::Pem::new(label, der))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A program of PostgreSQL, which refuses to run as root.
fn unprivileged(folder: &Path, program: &str) -> Command {
    let program = programs().join(program);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .env("HOME", folder)
        .current_dir(folder)
        .stdout(Stdio::null());
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Where Debian keeps them, off the `PATH`.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed: see `make stack`");
    let newest = versions.map(|version| version.unwrap().path()).max();
    newest.unwrap().join("bin")
}

#[tokio::test]
async fn the_server_must_be_who_the_url_says() {
    let server = Server::start();
    let log = memory().await;
    Writer::begin(&log).await.open().await;
    let good = server.store("localhost", Some("ca.pem")).await;
    let projector = Projector::start(&log, &good);
    caught_up(&log, &good).await;
    for (host, tls) in [
        ("localhost", Some("other.pem")),
        ("127.0.0.1", Some("ca.pem")),
        ("localhost", None),
    ] {
        let store = server.store(host, tls).await;
        let error = store.position(Stream::Audit, P0).await.unwrap_err();
        assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    }
    assert_eq!(good.position(Stream::Audit, P0).await.unwrap(), Offset(1));
    projector.stop().await.unwrap();
}
