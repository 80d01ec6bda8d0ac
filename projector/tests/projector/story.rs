//! A log in which everything happens that can happen.

use std::collections::BTreeSet;

use jiff::Timestamp;
use onedoor_log::Stream;
use onedoor_model::{
    audit::{
        AuditEvent, AuthenticationsFailed, BootEnd, CancelCause, DenialEvent, DenialsCounted, DispatchedLate,
        LateCause, NotDispatchedReason, Outcome, UpstreamFault,
    },
    ids::{
        BlockId, BootId, CallId, ClientId, GrantId, GroupId, ServerId, TenantId, ToolName, UserId,
        VersionNumber,
    },
    registry::{
        Algorithm, Block, BlockChosen, BlockTarget, Change, Grant, GrantChosen, Issuer, IssuerChosen,
        ManifestSubmitted, Plane, ServerChosen, Settings, Stage, Subject, ToolChosen, VersionChosen,
    },
};
use uuid::Uuid;

use crate::support::{Writer, called, caller, manifest, name};

/// Appends every kind of registry event, with commands that lose, come twice, or name nothing.
pub(crate) async fn registry(writer: &mut Writer) {
    trust(writer, "dev").await;
    let other = trust(writer, "other").await;
    let (server, registered) = writer.register("finance").await;
    writer.again(Stream::Registry, registered).await;
    writer.register("finance").await;
    let update = ManifestSubmitted {
        server,
        manifest: manifest("finance", "1.1.0"),
    };
    let updated = writer
        .change(Change::ServerUpdated(update.clone()), Some(registered.0))
        .await;
    writer
        .change(Change::ServerUpdated(update), Some(registered.0))
        .await;
    let chosen = VersionChosen {
        server,
        version: VersionNumber(2),
    };
    writer
        .change(Change::VersionPromoted(chosen), Some(updated.0))
        .await;
    let approved = writer
        .change(Change::VersionApproved(chosen), Some(updated.0))
        .await;
    writer
        .change(Change::VersionPromoted(chosen), Some(approved.0))
        .await;
    let grants = [
        grant(server, None),
        grant(server, Some("pay")),
        grant(server, None),
    ];
    for grant in &grants {
        writer.change(Change::GrantAdded(grant.clone()), Some(0)).await;
    }
    writer
        .change(Change::GrantRemoved(GrantChosen { id: grants[1].id }), None)
        .await;
    let tool = ToolChosen {
        server,
        tool: ToolName::new("pay").unwrap(),
    };
    let disabled = writer.change(Change::ToolDisabled(tool.clone()), None).await;
    writer
        .change(Change::ToolEnabled(tool.clone()), Some(disabled.0))
        .await;
    writer.change(Change::ToolDisabled(tool), None).await;
    let disabled = writer
        .change(Change::ServerDisabled(ServerChosen { server }), None)
        .await;
    writer
        .command(
            "c-1",
            Change::ServerEnabled(ServerChosen { server }),
            Some(disabled.0),
        )
        .await;
    writer
        .command(
            "c-1",
            Change::ServerEnabled(ServerChosen { server }),
            Some(disabled.0),
        )
        .await;
    let reused = writer
        .command("c-1", Change::ServerDisabled(ServerChosen { server }), None)
        .await;
    writer.again(Stream::Registry, reused).await;
    blocks(writer).await;
    let settings = Settings {
        denials_per_minute: 7,
        ..Settings::default()
    };
    writer
        .change(Change::SettingsChanged(Box::new(settings)), Some(0))
        .await;
    writer
        .change(
            Change::IssuerDistrusted(IssuerChosen { name: name("other") }),
            None,
        )
        .await;
    writer
        .change(
            Change::IssuerDistrusted(IssuerChosen { name: name("other") }),
            None,
        )
        .await;
    assert!(other < disabled);
    let (retired, registered) = writer.register("hr").await;
    writer
        .change(Change::GrantAdded(grant(retired, None)), Some(0))
        .await;
    writer
        .change(
            Change::ServerRetired(ServerChosen { server: retired }),
            Some(registered.0),
        )
        .await;
    writer.register("hr").await;
}

async fn trust(writer: &mut Writer, issuer: &str) -> onedoor_model::ids::Offset {
    let plane = |audience: &str| Plane {
        audiences: BTreeSet::from([audience.to_owned()]),
        clients: BTreeSet::from([ClientId::new("claude").unwrap()]),
        required_scope: None,
        advertised_scopes: Vec::new(),
    };
    let issuer = Issuer {
        name: name(issuer),
        urls: vec![format!("https://{issuer}.example.com")],
        tenants: BTreeSet::from([TenantId::new("t1").unwrap()]),
        jwks_uri: format!("https://{issuer}.example.com/jwks"),
        authorization_server: format!("https://{issuer}.example.com"),
        algorithms: BTreeSet::from([Algorithm::ES256]),
        data: plane("https://door.example.com"),
        admin: Some(plane("https://admin.example.com")),
        on_behalf_of: None,
    };
    writer
        .change(Change::IssuerTrusted(Box::new(issuer)), Some(0))
        .await
}

async fn blocks(writer: &mut Writer) {
    let user = BlockTarget::User {
        issuer: name("dev"),
        tenant: TenantId::new("t1").unwrap(),
        user: UserId::new("u-eve").unwrap(),
    };
    let client = BlockTarget::Client {
        issuer: name("dev"),
        client: ClientId::new("evil").unwrap(),
    };
    let not_before = Some("2026-11-24T06:00:00Z".parse().unwrap());
    for (target, not_before) in [(user.clone(), not_before), (client, None)] {
        let block = Block {
            id: BlockId(Uuid::now_v7()),
            target,
            not_before,
        };
        writer.change(Change::BlockAdded(block), None).await;
    }
    let block = Block {
        id: BlockId(Uuid::now_v7()),
        target: user,
        not_before: None,
    };
    let id = block.id;
    let added = writer.change(Change::BlockAdded(block), None).await;
    writer
        .change(Change::BlockRemoved(BlockChosen { id }), Some(added.0))
        .await;
}

fn grant(server: ServerId, tool: Option<&str>) -> Grant {
    Grant {
        id: GrantId(Uuid::now_v7()),
        issuer: name("dev"),
        tenant: TenantId::new("t1").unwrap(),
        subject: Subject::Group(GroupId::new("g-finance").unwrap()),
        server,
        tool: tool.map(|tool| ToolName::new(tool).unwrap()),
        stage: Stage::Production,
    }
}

/// Appends calls with every outcome, boots that end in every way, refusals, and events that come twice or out of turn.
/// What `dead` left open is closed by `writer`.
pub(crate) async fn traffic(writer: &mut Writer, dead: &mut Writer, rounds: u32) {
    let server = ServerId(Uuid::now_v7());
    let outcomes = [
        Outcome::Succeeded,
        Outcome::ToolError,
        Outcome::UpstreamError(UpstreamFault::Protocol),
        Outcome::Cancelled(CancelCause::Client),
        Outcome::TimedOut,
        Outcome::NotDispatched(NotDispatchedReason::Deadline),
    ];
    dead.open().await;
    writer.open().await;
    for round in 0..rounds {
        let outcome = outcomes[round as usize % outcomes.len()];
        let call = writer.call(server, "finance", "get_balance", "ada").await;
        dead.call(server, "finance", "pay", "bob").await;
        if round == 1 {
            let late = DispatchedLate {
                call,
                cause: LateCause::Stale,
                pause_us: 1_500_000,
            };
            let late = writer.audit(AuditEvent::DispatchedLate(late)).await;
            writer.again(Stream::Audit, late).await;
        }
        let first = writer.complete(call, outcome).await;
        writer.complete(call, Outcome::TimedOut).await;
        writer.again(Stream::Audit, first).await;
        early(writer, server).await;
        refusals(writer).await;
    }
    let closed = writer.close(dead.boot, BootEnd::Died).await;
    writer.again(Stream::Audit, closed).await;
    // It lived after all, is closed once more, and lives still.
    for _ in 0..2 {
        dead.call(server, "finance", "pay", "bob").await;
        writer.close(dead.boot, BootEnd::Died).await;
    }
    dead.call(server, "finance", "pay", "bob").await;
    writer.close(BootId(Uuid::now_v7()), BootEnd::Died).await;
    let boot = writer.boot;
    writer.close(boot, BootEnd::Drained).await;
}

/// An outcome before its call, and one without.
async fn early(writer: &mut Writer, server: ServerId) {
    let call = CallId(Uuid::now_v7());
    let not_acknowledged = Outcome::NotDispatched(NotDispatchedReason::AuditUnavailable);
    writer.complete(call, not_acknowledged).await;
    writer.complete(call, Outcome::Succeeded).await;
    let late = writer.audit(called(call, server, "finance", "pay", "ada")).await;
    writer.again(Stream::Audit, late).await;
    writer.complete(CallId(Uuid::now_v7()), not_acknowledged).await;
}

async fn refusals(writer: &mut Writer) {
    let (since, until) = (Timestamp::UNIX_EPOCH, "2026-11-24T06:00:00Z".parse().unwrap());
    let network = Some("192.0.2.0/24".to_owned());
    let failed = AuthenticationsFailed {
        network,
        reason: "expired".to_owned(),
        count: 3,
        since,
        until,
    };
    let counted = DenialsCounted {
        caller: Some(caller("eve")),
        count: 40,
        since,
        until,
    };
    let offsets = [
        writer.denial(DenialEvent::AuthenticationsFailed(failed)).await,
        writer.denial(DenialEvent::DenialsCounted(counted.clone())).await,
        writer
            .denial(DenialEvent::DenialsCounted(DenialsCounted {
                caller: None,
                ..counted
            }))
            .await,
    ];
    writer.deny("finance", "pay", "eve", 5).await;
    for offset in offsets {
        writer.again(Stream::Denials, offset).await;
    }
}
