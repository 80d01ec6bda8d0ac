//! What the demonstration finds in its registry: an issuer, three servers, grants. Every command has an id of its own, so it is given
//! once in a log's life: what the user changed since stays changed.

use std::collections::BTreeSet;

use anyhow::Context as _;
use onedoor_demo::{
    finance, hr,
    idp::{
        Endpoints, TokenVersion,
        directory::{self, Api, Group},
    },
    manifests, rates,
};
use onedoor_model::{
    ids::{
        AggregateVersion, ClientId, CommandId, Digest, GrantId, IssuerName, ServerId, Slug, TenantId,
        ToolName,
    },
    manifest,
    principal::Actor,
    registry::{Algorithm, Command, CommandStamp, Conflict, Issuer, Plane, Settings, Stage, Subject},
};
use onedoor_registry::{Order, Registry, Rejected};
use uuid::Uuid;

use super::folder::Places;

/// The identity provider's name in the registry.
pub(super) const ISSUER: &str = "dev";

/// Where the MCP Inspector's page comes from.
const INSPECTOR: [&str; 2] = ["http://localhost:6274", "http://127.0.0.1:6274"];

/// Gives the commands that this log has not seen.
pub(super) async fn run(registry: &Registry, places: &Places, idp: &Endpoints) -> anyhow::Result<()> {
    let settings = Settings {
        internal_networks: vec!["127.0.0.0/8".parse()?, "::1/128".parse()?],
        allowed_origins: INSPECTOR.map(str::to_owned).into(),
        ..Settings::default()
    };
    give(
        registry,
        "settings",
        AggregateVersion::NONE,
        Command::Set(Box::new(settings)),
    )
    .await?;
    give(
        registry,
        "issuer",
        AggregateVersion::NONE,
        Command::Trust(Box::new(issuer(idp)?)),
    )
    .await?;
    serve(registry, finance::SLUG, manifests::finance(&places.finance)).await?;
    serve(registry, hr::SLUG, manifests::hr(&places.hr)).await?;
    serve(registry, rates::SLUG, manifests::rates(&places.rates)).await?;
    let group = |group: Group| anyhow::Ok(Subject::Group(group.id.to_string().try_into()?));
    grant(
        registry,
        "finance",
        group(directory::FINANCE)?,
        finance::SLUG,
        None,
        Stage::Production,
    )
    .await?;
    grant(
        registry,
        "rates",
        group(directory::FINANCE)?,
        rates::SLUG,
        None,
        Stage::Production,
    )
    .await?;
    grant(
        registry,
        "hr",
        group(directory::HR)?,
        hr::SLUG,
        None,
        Stage::Production,
    )
    .await?;
    grant(
        registry,
        "finance-qa",
        group(directory::PLATFORM)?,
        finance::SLUG,
        None,
        Stage::Qa,
    )
    .await?;
    grant(
        registry,
        "hr-qa",
        group(directory::PLATFORM)?,
        hr::SLUG,
        None,
        Stage::Qa,
    )
    .await?;
    for role in directory::BATCH.data_roles {
        let role = Subject::Role((*role).to_owned().try_into()?);
        grant(
            registry,
            "batch",
            role,
            finance::SLUG,
            Some("get_balance"),
            Stage::Production,
        )
        .await?;
    }
    Ok(())
}

/// Registers, approves and promotes a server.
async fn serve(registry: &Registry, slug: &str, manifest: String) -> anyhow::Result<()> {
    if let Err(faults) = manifest::check(manifest.as_bytes()) {
        anyhow::bail!("the manifest of {slug} is not valid: {faults:?}");
    }
    let name = Slug::new(slug)?;
    let server = ServerId(Uuid::now_v7());
    give(
        registry,
        &format!("register-{slug}"),
        AggregateVersion::NONE,
        Command::Register { server, manifest },
    )
    .await?;
    let approve = Command::Approve {
        slug: name.clone(),
        version: None,
    };
    give(
        registry,
        &format!("approve-{slug}"),
        version(registry, &name),
        approve,
    )
    .await?;
    let promote = Command::Promote {
        slug: name.clone(),
        version: None,
    };
    give(
        registry,
        &format!("promote-{slug}"),
        version(registry, &name),
        promote,
    )
    .await
}

async fn grant(
    registry: &Registry,
    id: &str,
    subject: Subject,
    server: &str,
    tool: Option<&str>,
    stage: Stage,
) -> anyhow::Result<()> {
    let command = Command::AddGrant {
        id: GrantId(Uuid::now_v7()),
        issuer: IssuerName::new(ISSUER)?,
        tenant: TenantId::new(directory::TENANT_ID.to_string())?,
        subject,
        slug: Slug::new(server)?,
        tool: tool.map(ToolName::new).transpose()?,
        stage,
    };
    give(registry, &format!("grant-{id}"), AggregateVersion::NONE, command).await
}

fn version(registry: &Registry, slug: &Slug) -> AggregateVersion {
    registry
        .state()
        .server_named(slug)
        .map_or(AggregateVersion::NONE, |server| server.changed.version())
}

async fn give(
    registry: &Registry,
    id: &str,
    expected: AggregateVersion,
    command: Command,
) -> anyhow::Result<()> {
    let order = Order {
        command,
        expected: Some(expected),
        stamp: CommandStamp {
            id: CommandId::new(format!("dev-{id}"))?,
            route: "onedoor dev".to_owned(),
            digest: Digest::of(id.as_bytes()),
        },
        actor: Actor::System {
            name: "dev".to_owned(),
        },
        reason: Some("set up by onedoor dev".to_owned()),
        traceparent: None,
    };
    match registry.execute(order).await {
        Ok(_) => Ok(()),
        // The user's own doing came first: a server of this name, or one that is gone.
        Err(Rejected::NotFound(_) | Rejected::Conflict(Conflict::Exists(_) | Conflict::Missing(_))) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot give the command dev-{id}")),
    }
}

fn issuer(idp: &Endpoints) -> anyhow::Result<Issuer> {
    let plane = |api: &Api, clients: BTreeSet<ClientId>| {
        anyhow::Ok(Plane {
            // v2.0 tokens name the API by its id, v1.0 tokens by its URI.
            audiences: BTreeSet::from([api.app_id.to_string(), api.app_id_uri.to_owned()]),
            clients,
            required_scope: Some(api.permission.to_owned().try_into()?),
            advertised_scopes: vec![format!("{}/{}", api.app_id_uri, api.permission).try_into()?],
        })
    };
    let administering = [directory::MCP_CLIENT, directory::CLI]
        .iter()
        .map(|app| ClientId::new(app.client_id.to_string()))
        .collect::<Result<_, _>>()?;
    Ok(Issuer {
        name: IssuerName::new(ISSUER)?,
        urls: vec![idp.issuer(TokenVersion::V2), idp.issuer(TokenVersion::V1)],
        tenants: BTreeSet::from([TenantId::new(directory::TENANT_ID.to_string())?]),
        jwks_uri: idp.jwks_uri(TokenVersion::V2),
        authorization_server: idp.issuer(TokenVersion::V2),
        algorithms: BTreeSet::from([Algorithm::RS256]),
        // MCP clients register themselves, so nobody knows their ids beforehand.
        data: plane(
            &directory::DATA_API,
            BTreeSet::from([ClientId::new(Plane::ANY_CLIENT)?]),
        )?,
        admin: Some(plane(&directory::ADMIN_API, administering)?),
        on_behalf_of: None,
    })
}
