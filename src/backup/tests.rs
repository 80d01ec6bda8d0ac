use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use bytes::Bytes;
use onedoor_log::{EventLog, Partition, Stream};
use onedoor_model::{
    audit::{AuditEvent, BootOpened},
    envelope::{Chain, Producer},
    ids::{AggregateVersion, CommandId, Digest, Offset},
    principal::Actor,
    registry::{Command, CommandStamp, Ends, Settings, State},
};
use onedoor_projector::Store;
use onedoor_registry::{Boot, Order, Registry};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{
    examine::{Examined, examine},
    make::{make, read_through},
    restore::restore,
    *,
};

const P0: Partition = Partition(0);

/// A folder with an installation in it, and room for others.
struct Site(TempDir);

/// An installation that is open.
struct Open {
    log: Arc<dyn EventLog>,
    registry: Arc<Registry>,
    audit: Chain,
}

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    async fn open(&self, name: &str) -> Open {
        let data = self.path(name);
        fs::create_dir_all(data.join(KEYS)).unwrap();
        let key = data.join(KEYS).join("token-b.p8");
        if !key.exists() {
            fs::write(key, b"a key").unwrap();
        }
        let log = onedoor_log::open(&format!("sqlite://{}", data.join(LOG).display()))
            .await
            .unwrap();
        let boot = Boot::new("test".parse().unwrap());
        let (registry, follow) = Registry::open(Arc::clone(&log), &boot).await.unwrap();
        tokio::spawn(follow);
        let audit = boot.chain(Producer::Audit);
        Open { log, registry, audit }
    }

    /// Projects all there is, as the projector of an installation does.
    async fn project(&self, name: &str, open: &Open) {
        let store = Store::open(self.path(name).join("projection.db")).await.unwrap();
        let stop = CancellationToken::new();
        let projector = tokio::spawn(onedoor_projector::run(
            Arc::clone(&open.log),
            store.clone(),
            stop.clone(),
        ));
        for stream in [Stream::Registry, Stream::Audit] {
            let end = open.log.bounds(stream, P0).await.unwrap().end;
            if let Some(last) = end.0.checked_sub(1) {
                store.reached(stream, P0, Offset(last)).await;
            }
        }
        stop.cancel();
        projector.await.unwrap().unwrap();
        store.close().await;
    }

    fn restoring(&self, from: &str, data: &str) -> RestoreArgs {
        RestoreArgs {
            from: self.path(from),
            data: self.path(data),
            replace: false,
            accept_broken_chain: false,
        }
    }

    async fn examined(&self, name: &str) -> Examined {
        read_through(&self.path(name).join(LOG)).await.unwrap()
    }

    /// What stands in a folder.
    fn names(&self, name: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Open {
    async fn set(&self, token_b_seconds: u64) {
        let version = self
            .registry
            .state()
            .settings()
            .map_or(AggregateVersion::NONE, |kept| kept.changed.version());
        let settings = Settings {
            token_b_seconds,
            ..Settings::default()
        };
        let order = Order {
            command: Command::Set(Box::new(settings)),
            expected: Some(version),
            stamp: CommandStamp {
                id: CommandId::new(format!("set-{token_b_seconds}")).unwrap(),
                route: "test".to_owned(),
                digest: Digest::of(b""),
            },
            actor: Actor::System {
                name: "test".to_owned(),
            },
            reason: None,
            traceparent: None,
        };
        self.registry.execute(order).await.unwrap();
    }

    /// Appends a link of the audit's chain, or makes it and loses it.
    async fn audit(&mut self, kept: bool) {
        let opened = AuditEvent::BootOpened(BootOpened {
            software: "test".to_owned(),
        });
        let (bytes, after) = self.audit.seal(Boot::draft(opened)).unwrap();
        self.audit = after;
        if kept {
            let appended = self.log.append(Stream::Audit, P0, vec![Bytes::from(bytes)]);
            appended.await.unwrap();
        }
    }
}

fn seconds(state: &State) -> u64 {
    state.settings().unwrap().value.token_b_seconds
}

#[tokio::test]
async fn a_running_installation_is_backed_up_and_restored_as_another_log() {
    let site = Site::new();
    let mut open = site.open("data").await;
    open.set(100).await;
    open.audit(true).await;
    let said = make(&site.path("data"), &site.path("backup")).await.unwrap();
    assert!(
        said.iter()
            .any(|line| line.contains("every hash chain in it holds")),
        "{said:?}"
    );
    assert_eq!(site.names("backup"), ["backup.json", "keys", "log"]);
    assert_eq!(
        site.names("backup/log"),
        ["audit.db", "denials.db", "registry.db"]
    );
    open.set(200).await;

    let said = restore(&site.restoring("backup", "new")).await.unwrap();
    assert!(
        said.iter().any(|line| line.contains("accept-restore")),
        "{said:?}"
    );
    assert_eq!(site.names("new"), ["keys", "log"]);
    assert_eq!(fs::read(site.path("new/keys/token-b.p8")).unwrap(), b"a key");
    for private in ["new/keys/token-b.p8", "new/log/audit.db", "backup/backup.json"] {
        let mode = fs::metadata(site.path(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    let Examined { state, ends, broken } = site.examined("new").await;
    assert_eq!((seconds(&state), seconds(&open.registry.state())), (100, 200));
    assert_eq!(broken, []);
    let restored = state.unaccepted_restore().unwrap().value;
    assert_eq!(Some(restored.from), open.registry.state().log());
    assert_eq!(Some(restored.log), state.log());
    assert_ne!(restored.log, restored.from);
    assert_eq!(restored.known, None);
    assert_eq!(
        (restored.restored.registry.next(), restored.restored.audit),
        (ends.registry, ends.audit)
    );
}

#[tokio::test]
async fn what_was_there_is_moved_aside_and_what_it_knew_is_told() {
    let site = Site::new();
    let mut open = site.open("data").await;
    open.set(100).await;
    make(&site.path("data"), &site.path("backup")).await.unwrap();
    open.set(200).await;
    open.audit(true).await;
    open.audit(true).await;
    site.project("data", &open).await;

    let mut args = site.restoring("backup", "data");
    assert!(matches!(restore(&args).await, Err(BackupError::Occupied(_))));
    args.replace = true;
    assert!(matches!(restore(&args).await, Err(BackupError::InUse(_))));
    open.log.close().await;
    restore(&args).await.unwrap();

    let names = site.names("data");
    let [keys, log, replaced] = names.as_slice() else {
        panic!("{names:?}")
    };
    assert_eq!((keys.as_str(), log.as_str()), (KEYS, LOG));
    assert!(
        site.names(&format!("data/{replaced}"))
            .contains(&"projection.db".to_owned())
    );
    assert_eq!(
        seconds(&site.examined(&format!("data/{replaced}")).await.state),
        200
    );
    let state = site.examined("data").await.state;
    let restored = state.unaccepted_restore().unwrap().value;
    let ends = |registry, audit| Ends {
        registry: Offset(registry),
        audit: Offset(audit),
    };
    assert_eq!(
        (restored.restored, restored.known),
        (ends(2, 0), Some(ends(3, 2)))
    );

    // A projection of the log as it was is none of the log as it is: a new one is built, of its new id.
    let open = site.open("data").await;
    site.project("data", &open).await;
    let store = Store::open(site.path("data/projection.db")).await.unwrap();
    assert_eq!(store.log().await.unwrap(), Some(restored.log));
    let old = Store::open(site.path(&format!("data/{replaced}/projection.db")))
        .await
        .unwrap();
    let following = onedoor_projector::run(Arc::clone(&open.log), old, CancellationToken::new());
    let followed = Box::pin(following).await;
    assert!(
        matches!(
            followed,
            Err(onedoor_projector::ProjectorError::ForeignLog { .. })
        ),
        "{followed:?}"
    );
}

#[tokio::test]
async fn a_damaged_backup_restores_nothing() {
    let site = Site::new();
    let open = site.open("data").await;
    open.set(100).await;
    for (n, file) in ["keys/token-b.p8", "log/audit.db"].into_iter().enumerate() {
        let backup = format!("backup-{n}");
        make(&site.path("data"), &site.path(&backup)).await.unwrap();
        let path = site.path(&backup).join(file);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        let restored = restore(&site.restoring(&backup, "new")).await;
        assert!(matches!(restored, Err(BackupError::Damaged(damaged)) if damaged == path));
        assert!(site.names("new").is_empty());
    }
}

#[tokio::test]
async fn a_log_that_is_not_whole_is_restored_only_if_that_is_accepted() {
    let site = Site::new();
    let mut open = site.open("data").await;
    for kept in [true, false, true] {
        open.audit(kept).await;
    }
    let said = make(&site.path("data"), &site.path("backup")).await.unwrap();
    assert!(
        said.iter()
            .any(|line| line.contains("not whole: audit: event 1 is link 2")),
        "{said:?}"
    );
    let mut args = site.restoring("backup", "new");
    assert!(matches!(restore(&args).await, Err(BackupError::Broken(_))));
    assert!(site.names("new").is_empty());
    args.accept_broken_chain = true;
    restore(&args).await.unwrap();
}

#[tokio::test]
async fn folders_that_are_not_what_they_must_be_are_named() {
    let site = Site::new();
    let open = site.open("data").await;
    let nothing = make(&site.path("nothing"), &site.path("backup")).await;
    assert!(matches!(nothing, Err(BackupError::NoLog(_))));
    make(&site.path("data"), &site.path("backup")).await.unwrap();
    let again = make(&site.path("data"), &site.path("backup")).await;
    assert!(matches!(again, Err(BackupError::Exists(_))));

    let manifest = site.path("backup/backup.json");
    let good = fs::read_to_string(&manifest).unwrap();
    for bad in [
        "{}".to_owned(),
        good.replace("\"format\": 1", "\"format\": 2"),
        good.replace("keys/token-b.p8", "../data/keys/token-b.p8"),
        good.replace("keys/token-b.p8", "/etc/hostname"),
    ] {
        fs::write(&manifest, bad).unwrap();
        let restored = restore(&site.restoring("backup", "new")).await;
        assert!(matches!(restored, Err(BackupError::NotABackup { .. })));
    }
    fs::remove_file(&manifest).unwrap();
    let restored = restore(&site.restoring("backup", "new")).await;
    assert!(matches!(restored, Err(BackupError::Io { .. })));
    drop(open);
}

#[tokio::test]
async fn a_log_of_another_kind_is_no_installation() {
    let log = onedoor_log::open("memory://").await.unwrap();
    assert!(matches!(examine(&*log).await, Err(BackupError::Fold(_))));
}
