//! Worlds made at random, told twice: to the product's own fold, and in plain JSON to the oracle.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use onedoor_authn::{
    Plane as WhichPlane,
    claims::{Claims, Terms, principal},
};
use onedoor_model::{
    decide::Snapshot,
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BlockId, BootId, Digest, EventId, GrantId, LogId, Offset, ReplicaName, ServerId,
        VersionNumber,
    },
    principal::{Actor, Principal},
    registry::{
        Algorithm, Block, BlockChosen, BlockTarget, Change, CommandStamp, Grant, GrantChosen, Issuer,
        IssuerChosen, LogCreated, ManifestSubmitted, Plane, RegistryEvent, ServerChosen, Stage, State,
        Subject, ToolChosen, Verdict, VersionChosen,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    dice::Dice,
    manifest::{Manifest, route},
};

/// Slugs of servers; the last is never registered.
pub const SLUGS: [&str; 7] = ["s1", "s2", "s3", "s4", "s5", "s6", "nowhere"];
/// Names of tools; the last is never declared.
pub const TOOLS: [&str; 7] = ["read", "write", "list", "Read", "drop", "get.all", "nothing"];
/// Names of groups and of roles, the same ones: the two must not be confused.
const NAMES: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const ISSUERS: [&str; 2] = ["idp-a", "idp-b"];
const TENANTS: [&str; 3] = ["t1", "t2", "t3"];
const USERS: [&str; 5] = ["u1", "u2", "u3", "u4", "u5"];
const CLIENTS: [&str; 3] = ["c1", "c2", "rogue"];
const AUDIENCE: &str = "api://door";
const SCOPE: &str = "mcp.access";
/// When everything happens, in seconds since 1970.
const NOW: i64 = 1_800_000_000;

/// What is registered, and what the oracle was told of it.
#[derive(Debug)]
pub struct World {
    dice: Dice,
    state: State,
    next: u64,
    told: Vec<Value>,
    /// Events that had an effect since the oracle was last told.
    effective: u64,
}

/// Someone who calls: the claims of the token, and whom the product takes them for.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The raw claims.
    pub claims: Value,
    /// None where the product refuses the token.
    pub principal: Option<std::sync::Arc<Principal>>,
}

impl World {
    /// A world with issuers and servers, and nothing granted.
    #[must_use]
    pub fn begun(seed: u64) -> Self {
        let mut world = Self {
            dice: Dice::new(seed),
            state: State::default(),
            next: 0,
            told: Vec::new(),
            effective: 0,
        };
        world.apply(Change::LogCreated(LogCreated {
            log: LogId(Uuid::nil()),
        }));
        world.effective = 0;
        for name in ISSUERS {
            world.trust(name);
        }
        for number in 1..SLUGS.len() {
            world.register(number as u128);
            if !world.dice.once_in(6) {
                world.choose_version("approve", number as u128, 1);
                world.choose_version("promote", number as u128, 1);
            }
        }
        world
    }

    /// Something happens.
    pub fn happen(&mut self) {
        let server = 1 + self.dice.below(SLUGS.len()) as u128;
        let tool = *self.dice.pick(&TOOLS);
        match self.dice.below(44) {
            0..12 | 24.. => self.grant(server),
            12 if self.dice.once_in(2) => self.block(),
            12 => self.unblock(),
            13 => self.unblock(),
            14 => self.update(server),
            15 => {
                let version = 1 + self.dice.below(4) as u32;
                self.choose_version("approve", server, version);
            }
            16 => {
                let version = 1 + self.dice.below(4) as u32;
                self.choose_version("promote", server, version);
            }
            17 => {
                let verb = if self.dice.once_in(3) { "disable" } else { "enable" };
                self.choose_server(verb, server);
            }
            18 if self.dice.once_in(3) => self.choose_tool("disable_tool", server, tool),
            18 | 19 => self.choose_tool("enable_tool", server, tool),
            20 => self.ungrant(),
            21 if self.dice.once_in(6) => self.choose_server("retire", server),
            22 if self.dice.once_in(8) => self.distrust(),
            21 | 22 => self.register(server + 100),
            23 => {
                let name = *self.dice.pick(&ISSUERS);
                self.trust(name);
            }
        }
    }

    /// What has happened since this was last asked, in the oracle's words, and how much of it the product says had an effect.
    pub fn tell(&mut self) -> (Vec<Value>, u64) {
        (
            std::mem::take(&mut self.told),
            std::mem::take(&mut self.effective),
        )
    }

    /// What the product decides on now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.state)
    }

    /// So many callers.
    pub fn callers(&mut self, number: usize) -> Vec<Caller> {
        (0..number).map(|_| self.caller()).collect()
    }

    fn trust(&mut self, name: &str) {
        let tenants: Vec<&str> = if self.dice.once_in(6) {
            vec![TENANTS[0]]
        } else {
            TENANTS[..2].to_vec()
        };
        let urls = [
            format!("https://{name}.example/{{tenantid}}/v2.0"),
            format!("https://sts.{name}.example/{{tenantid}}/"),
        ];
        let issuer = Issuer {
            name: name.to_owned().try_into().unwrap(),
            urls: urls.to_vec(),
            tenants: tenants
                .iter()
                .map(|tenant| (*tenant).to_owned().try_into().unwrap())
                .collect(),
            jwks_uri: format!("https://{name}.example/keys"),
            authorization_server: format!("https://{name}.example/"),
            algorithms: BTreeSet::from([Algorithm::RS256]),
            data: Plane {
                audiences: BTreeSet::from([AUDIENCE.to_owned(), "7a0d".to_owned()]),
                clients: CLIENTS[..2]
                    .iter()
                    .map(|client| (*client).to_owned().try_into().unwrap())
                    .collect(),
                required_scope: (!self.dice.once_in(3)).then(|| SCOPE.to_owned().try_into().unwrap()),
                advertised_scopes: Vec::new(),
            },
            admin: None,
            on_behalf_of: None,
        };
        self.told.push(json!({ "kind": "trust", "issuer": issuer }));
        self.apply(Change::IssuerTrusted(Box::new(issuer)));
    }

    fn distrust(&mut self) {
        let name = *self.dice.pick(&ISSUERS);
        self.told.push(json!({ "kind": "distrust", "name": name }));
        self.apply(Change::IssuerDistrusted(IssuerChosen {
            name: name.to_owned().try_into().unwrap(),
        }));
    }

    fn register(&mut self, number: u128) {
        let submitted = self.manifest(number);
        self.told
            .push(json!({ "kind": "register", "server": submitted.server, "manifest": submitted.manifest }));
        self.apply(Change::ServerRegistered(submitted));
    }

    fn update(&mut self, number: u128) {
        let submitted = self.manifest(number);
        self.told
            .push(json!({ "kind": "update", "server": submitted.server, "manifest": submitted.manifest }));
        self.apply(Change::ServerUpdated(submitted));
    }

    fn manifest(&mut self, number: u128) -> ManifestSubmitted {
        let slug = SLUGS[(number as usize - 1) % 100 % (SLUGS.len() - 1)];
        let declared = &TOOLS[..TOOLS.len() - 1];
        let mut tools = self.dice.some(declared, 6);
        tools.insert("read".to_owned());
        let mut manifest = Manifest::new(
            slug,
            &format!("https://{slug}.example/mcp"),
            tools.iter().map(String::as_str),
        );
        if self.dice.once_in(4) {
            manifest.http = true;
            manifest.tools = tools
                .iter()
                .map(|tool| route(tool, "GET", &format!("/{tool}")))
                .collect();
        }
        match self.dice.below(12) {
            0 => manifest.audience += "-new",
            1 => manifest.url += "/new",
            2 => manifest.owner += "-new",
            3 => manifest.required_scope += ".new",
            _ => manifest.version = format!("1.{}", self.next),
        }
        ManifestSubmitted {
            server: server(number),
            manifest: manifest.to_string(),
        }
    }

    fn choose_version(&mut self, verb: &str, number: u128, version: u32) {
        self.told
            .push(json!({ "kind": verb, "server": server(number), "version": version }));
        let chosen = VersionChosen {
            server: server(number),
            version: VersionNumber(version),
        };
        self.apply(if verb == "approve" {
            Change::VersionApproved(chosen)
        } else {
            Change::VersionPromoted(chosen)
        });
    }

    fn choose_server(&mut self, verb: &str, number: u128) {
        self.told.push(json!({ "kind": verb, "server": server(number) }));
        let chosen = ServerChosen {
            server: server(number),
        };
        self.apply(match verb {
            "disable" => Change::ServerDisabled(chosen),
            "enable" => Change::ServerEnabled(chosen),
            _ => Change::ServerRetired(chosen),
        });
    }

    fn choose_tool(&mut self, verb: &str, number: u128, tool: &str) {
        self.told
            .push(json!({ "kind": verb, "server": server(number), "tool": tool }));
        let chosen = ToolChosen {
            server: server(number),
            tool: tool.to_owned().try_into().unwrap(),
        };
        self.apply(if verb == "disable_tool" {
            Change::ToolDisabled(chosen)
        } else {
            Change::ToolEnabled(chosen)
        });
    }

    fn grant(&mut self, number: u128) {
        let holder = (*self.dice.pick(&NAMES)).to_owned();
        let is_role = self.dice.once_in(3);
        let subject = if is_role {
            Subject::Role(holder.try_into().unwrap())
        } else {
            Subject::Group(holder.try_into().unwrap())
        };
        let one_tool = self.dice.once_in(2);
        let grant = Grant {
            id: GrantId(Uuid::from_u128(self.next.into())),
            issuer: (*self.dice.pick(&ISSUERS)).to_owned().try_into().unwrap(),
            tenant: (*self.dice.pick(&TENANTS[..2])).to_owned().try_into().unwrap(),
            subject,
            server: server(number),
            tool: one_tool.then(|| (*self.dice.pick(&TOOLS)).to_owned().try_into().unwrap()),
            stage: if self.dice.once_in(3) {
                Stage::Qa
            } else {
                Stage::Production
            },
        };
        self.told.push(json!({ "kind": "grant", "grant": grant }));
        self.apply(Change::GrantAdded(grant));
    }

    fn ungrant(&mut self) {
        let ids: Vec<GrantId> = self.state.grants().map(|grant| grant.value.id).collect();
        if !ids.is_empty() {
            let id = *self.dice.pick(&ids);
            self.told.push(json!({ "kind": "ungrant", "id": id }));
            self.apply(Change::GrantRemoved(GrantChosen { id }));
        }
    }

    fn block(&mut self) {
        let issuer = (*self.dice.pick(&ISSUERS)).to_owned().try_into().unwrap();
        let target = if self.dice.once_in(12) {
            BlockTarget::Client {
                issuer,
                client: (*self.dice.pick(&CLIENTS)).to_owned().try_into().unwrap(),
            }
        } else {
            BlockTarget::User {
                issuer,
                tenant: (*self.dice.pick(&TENANTS)).to_owned().try_into().unwrap(),
                user: (*self.dice.pick(&USERS)).to_owned().try_into().unwrap(),
            }
        };
        let seconds = NOW - 300 + self.dice.below(4) as i64 * 100;
        let not_before = self
            .dice
            .once_in(2)
            .then(|| Timestamp::from_second(seconds).unwrap());
        let block = Block {
            id: BlockId(Uuid::from_u128(self.next.into())),
            target,
            not_before,
        };
        self.told.push(json!({ "kind": "block", "block": block }));
        self.apply(Change::BlockAdded(block));
    }

    fn unblock(&mut self) {
        let ids: Vec<BlockId> = self.state.blocks().map(|block| block.value.id).collect();
        if !ids.is_empty() {
            let id = *self.dice.pick(&ids);
            self.told.push(json!({ "kind": "unblock", "id": id }));
            self.apply(Change::BlockRemoved(BlockChosen { id }));
        }
    }

    /// A caller: a user or an app, of either generation of tokens, now and then with a token that is no good.
    fn caller(&mut self) -> Caller {
        let dice = &mut self.dice;
        let issuer = *dice.pick(&ISSUERS);
        let tenant = if dice.once_in(12) {
            TENANTS[2]
        } else {
            *dice.pick(&TENANTS[..2])
        };
        let is_v1 = dice.once_in(3);
        let iss = if is_v1 {
            format!("https://sts.{issuer}.example/{tenant}/")
        } else {
            format!("https://{issuer}.example/{tenant}/v2.0")
        };
        let issued = NOW - 300 + dice.below(4) as i64 * 100;
        let client = if dice.once_in(20) {
            "rogue"
        } else {
            *dice.pick(&CLIENTS[..2])
        };
        let user = *dice.pick(&USERS);
        let mut claims = json!({
            "iss": iss, "aud": if is_v1 { AUDIENCE } else { "7a0d" }, "tid": tenant, "iat": issued, "nbf": issued,
            "exp": NOW + 3_600, "oid": user, "sub": format!("pairwise-{user}"), "uti": dice.roll().to_string(),
            "groups": dice.some(&NAMES, 4), "roles": dice.some(&NAMES, 3),
        });
        claims[if is_v1 { "appid" } else { "azp" }] = json!(client);
        match dice.below(12) {
            0 => claims["idtyp"] = json!("app"),
            1 => claims["scp"] = json!("another"),
            _ => claims["scp"] = json!(format!("another {SCOPE}")),
        }
        match dice.below(40) {
            0 => claims["aud"] = json!("api://another"),
            1 => claims["_claim_names"] = json!({ "groups": "src1" }),
            2 => claims["hasgroups"] = json!(true),
            3 => claims["tid"] = json!("t9"),
            4 => claims["appid"] = json!("c9"),
            5 => claims["groups"] = json!([]),
            _ => {}
        }
        let principal = self.principal(&claims);
        Caller { claims, principal }
    }

    fn principal(&self, claims: &Value) -> Option<std::sync::Arc<Principal>> {
        let claims = Claims::read(claims.to_string().as_bytes()).unwrap();
        let mut found = self.state.issuers().filter_map(|issuer| {
            let terms = Terms {
                issuer: &issuer.value,
                plane: WhichPlane::Data,
                now: Timestamp::from_second(NOW).unwrap(),
                leeway: SignedDuration::from_secs(60),
                token: Digest::of(b"token"),
            };
            principal(&claims, &terms).ok()
        });
        let (first, second) = (found.next(), found.next());
        first.filter(|_| second.is_none()).map(std::sync::Arc::new)
    }

    /// Gives a change for the version that it meets.
    fn apply(&mut self, change: Change) {
        let state = &self.state;
        let of_server = |id: &ServerId| state.server(*id).map(|server| server.changed.version());
        let expected = match &change {
            Change::ServerRegistered(submitted) | Change::ServerUpdated(submitted) => {
                of_server(&submitted.server)
            }
            Change::VersionApproved(chosen) | Change::VersionPromoted(chosen) => of_server(&chosen.server),
            Change::ServerEnabled(chosen) | Change::ServerRetired(chosen) => of_server(&chosen.server),
            Change::ToolEnabled(chosen) => of_server(&chosen.server),
            Change::BlockRemoved(chosen) => state.block(chosen.id).map(|block| block.changed.version()),
            Change::IssuerTrusted(issuer) => {
                state.issuer(&issuer.name).map(|issuer| issuer.changed.version())
            }
            Change::RestoreAccepted(_) => state
                .unaccepted_restore()
                .map(|restore| restore.changed.version()),
            // Begins at version 0, or takes away, which needs none.
            Change::LogCreated(_)
            | Change::LogRestored(_)
            | Change::ReplicaJoined(_)
            | Change::GrantAdded(_)
            | Change::BlockAdded(_)
            | Change::SettingsChanged(_)
            | Change::ServerDisabled(_)
            | Change::ToolDisabled(_)
            | Change::GrantRemoved(_)
            | Change::IssuerDistrusted(_) => None,
        };
        let expected = (!change.is_restrictive()).then(|| expected.unwrap_or(AggregateVersion::NONE));
        let command = CommandStamp {
            id: self.next.to_string().try_into().unwrap(),
            route: "test".to_owned(),
            digest: Digest::of(&self.next.to_be_bytes()),
        };
        let event = Envelope {
            id: EventId(Uuid::from_u128(self.next.into())),
            source: ReplicaName::new("test").unwrap(),
            time: Timestamp::from_second(NOW).unwrap(),
            traceparent: None,
            producer: Producer::Registry,
            boot: BootId(Uuid::nil()),
            seq: self.next,
            prevhash: None,
            tenant: None,
            actor: Some(Actor::System {
                name: "test".to_owned(),
            }),
            reason: None,
            data: RegistryEvent {
                command,
                expected,
                change,
            },
        };
        let verdict = self.state.apply(Offset(self.next), &event).unwrap();
        self.next += 1;
        self.effective += u64::from(verdict == Verdict::Effective);
    }
}

fn server(number: u128) -> ServerId {
    ServerId(Uuid::from_u128(number))
}
