//! Making an installation out of a backup.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use jiff::Timestamp;
use onedoor_log::{EventLog, Partition, SqliteLog, Stream};
use onedoor_model::{
    envelope::{Envelope, Producer},
    ids::{AggregateVersion, CommandId, Digest, LogId, Offset, ReplicaName},
    principal::Actor,
    registry::{Change, CommandStamp, Ends, LogRestored, RegistryEvent, State, Verdict},
};
use onedoor_projector::Store;
use onedoor_registry::Boot;
use uuid::Uuid;

use super::{
    BackupError, KEYS, LOG, RestoreArgs, cannot_use,
    examine::{Examined, examine},
    in_words,
    manifest::{Manifest, make_folder, sync_folder},
};

/// The projection's file, and what SQLite puts beside it.
const PROJECTION: [&str; 3] = ["projection.db", "projection.db-wal", "projection.db-shm"];

/// The one partition of the registry.
const PARTITION: Partition = Partition(0);

/// Restores a backup. Says what it did, and what is to be done.
///
/// All is prepared in a folder beside; what was there is moved aside, and the new put in its place, only when nothing can fail any more but
/// the renaming.
pub(super) async fn restore(args: &RestoreArgs) -> Result<Vec<String>, BackupError> {
    let RestoreArgs {
        from,
        data,
        replace,
        accept_broken_chain,
    } = args;
    let manifest = Manifest::read(from)?;
    make_folder(data)?;
    let occupied = data.join(LOG).exists() || data.join(KEYS).exists();
    if occupied && !replace {
        return Err(BackupError::Occupied(data.clone()));
    }
    if SqliteLog::is_in_use(&data.join(LOG)).map_err(cannot_use(data))? {
        return Err(BackupError::InUse(data.join(LOG)));
    }
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let prepared = data.join(format!("restoring-{stamp}"));
    let restored = prepare(args, &manifest, &prepared, *accept_broken_chain).await;
    let (restored, broken) = match restored {
        Ok(restored) => restored,
        Err(error) => {
            // Why it failed matters more than that a copy of the backup is left.
            let _ = fs::remove_dir_all(&prepared);
            return Err(error);
        }
    };
    let aside = move_aside(data, &stamp)?;
    for name in [LOG, KEYS] {
        let place = data.join(name);
        fs::rename(prepared.join(name), &place).map_err(cannot_use(&place))?;
    }
    fs::remove_dir(&prepared).map_err(cannot_use(&prepared))?;
    sync_folder(data)?;
    Ok(told(&manifest, &restored, &broken, aside.as_deref()))
}

/// Copies the backup, checks it, and gives its log a new id.
async fn prepare(
    args: &RestoreArgs,
    manifest: &Manifest,
    prepared: &Path,
    accept_broken_chain: bool,
) -> Result<(LogRestored, String), BackupError> {
    make_folder(&prepared.join(LOG))?;
    make_folder(&prepared.join(KEYS))?;
    manifest.copy(&args.from, prepared)?;
    let log = onedoor_log::open(&format!("sqlite://{}", prepared.join(LOG).display())).await?;
    let done = give_new_id(&log, args, manifest, accept_broken_chain).await;
    log.close().await;
    done
}

async fn give_new_id(
    log: &Arc<dyn EventLog>,
    args: &RestoreArgs,
    manifest: &Manifest,
    accept_broken_chain: bool,
) -> Result<(LogRestored, String), BackupError> {
    let Examined {
        mut state,
        ends,
        broken,
    } = examine(&**log).await?;
    if state.log() != Some(manifest.log) || ends != manifest.ends {
        return Err(BackupError::NotABackup {
            path: args.from.clone(),
            reason: "its manifest is of another log".to_owned(),
        });
    }
    let broken = in_words(&broken);
    if !broken.is_empty() && !accept_broken_chain {
        return Err(BackupError::Broken(broken));
    }
    let restored = LogRestored {
        log: LogId(Uuid::now_v7()),
        from: manifest.log,
        restored: ends,
        known: known(&args.data, manifest.log).await,
    };
    append(log, &mut state, restored).await?;
    Ok((restored, broken))
}

/// What the projection in a folder has seen of a log. A projection that cannot be read knows nothing.
async fn known(data: &Path, log: LogId) -> Option<Ends> {
    let [projection, ..] = PROJECTION.map(|name| data.join(name));
    if !projection.exists() {
        return None;
    }
    let store = Store::open(&projection).await.ok()?;
    let is_of_log = store.log().await.ok().flatten() == Some(log);
    let registry = store.position(Stream::Registry, PARTITION).await;
    let audit = store.position(Stream::Audit, PARTITION).await;
    store.close().await;
    is_of_log.then_some(Ends {
        registry: registry.ok()?,
        audit: audit.ok()?,
    })
}

/// Appends what makes it another log.
async fn append(
    log: &Arc<dyn EventLog>,
    state: &mut State,
    restored: LogRestored,
) -> Result<(), BackupError> {
    let refused = |what: &dyn std::fmt::Display| BackupError::Refused(what.to_string());
    let id = restored.log.to_string();
    let replica = ReplicaName::new("restore").map_err(|error| refused(&error))?;
    let mut draft = Boot::draft(RegistryEvent {
        command: CommandStamp {
            digest: Digest::of(id.as_bytes()),
            id: CommandId::new(id).map_err(|error| refused(&error))?,
            route: "onedoor restore".to_owned(),
        },
        expected: Some(AggregateVersion::NONE),
        change: Change::LogRestored(restored),
    });
    draft.actor = Some(Actor::System {
        name: "restore".to_owned(),
    });
    let (bytes, _) = Boot::new(replica).chain(Producer::Registry).seal(draft)?;
    // What every reader will make of it is known before it is written.
    match state.apply(restored.restored.registry, &Envelope::read(&bytes)?)? {
        Verdict::Effective => {}
        Verdict::Duplicate => return Err(refused(&"it was restored before")),
        Verdict::Refused(conflict) => return Err(refused(&conflict)),
    }
    log.append(Stream::Registry, PARTITION, vec![Bytes::from(bytes)])
        .await?;
    Ok(())
}

/// Moves what is there into a folder beside it, and says into which.
fn move_aside(data: &Path, stamp: &str) -> Result<Option<PathBuf>, BackupError> {
    let present: Vec<&str> = [LOG, KEYS]
        .into_iter()
        .chain(PROJECTION)
        .filter(|name| data.join(name).exists())
        .collect();
    if present.is_empty() {
        return Ok(None);
    }
    let aside = data.join(format!("replaced-{stamp}"));
    make_folder(&aside)?;
    for name in present {
        let from = data.join(name);
        fs::rename(&from, aside.join(name)).map_err(cannot_use(&from))?;
    }
    Ok(Some(aside))
}

fn told(manifest: &Manifest, restored: &LogRestored, broken: &str, aside: Option<&Path>) -> Vec<String> {
    let mut said = vec![format!(
        "restored the backup of {}: it is log {} from now on",
        manifest.made, restored.log
    )];
    if !broken.is_empty() {
        said.push(format!("warning: the log is not whole: {broken}"));
    }
    if let Some(aside) = aside {
        said.push(format!("what was there is in {}", aside.display()));
    }
    said.push(match restored.known {
        Some(known) => format!(
            "lost: {} events of the registry and {} of the audit, as the projection that was there knows",
            beyond(known.registry, restored.restored.registry),
            beyond(known.audit, restored.restored.audit)
        ),
        None => {
            "what was appended after the backup is lost; no projection of that log was there to tell how much"
                .to_owned()
        }
    });
    said.push("nothing is served until a Security.Admin has run `onedoor log accept-restore`".to_owned());
    said
}

/// How many events are known beyond those restored.
fn beyond(known: Offset, restored: Offset) -> u64 {
    known.0.saturating_sub(restored.0)
}
