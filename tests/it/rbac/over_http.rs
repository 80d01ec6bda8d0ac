//! Ten thousand requests over HTTP while grants, blocks and servers change, each answer against the oracle's.

use onedoor_tests::{
    admin::{Admin, Holder},
    dev::Dev,
    dice::Dice,
    idp::{Idp, TENANT},
    manifest::Manifest,
    oracle::Oracle,
    token::Token,
    upstream::Upstream,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const SLUGS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
const TOOLS: [&str; 5] = ["read", "write", "list", "drop", "nothing"];
const STAGES: [&str; 2] = ["production", "qa"];
const GROUPS: [&str; 4] = ["g1", "g2", "g3", "g4"];
const REQUESTS: usize = 10_000;
/// Changes between two rounds of requests.
const CHANGES: usize = 3;

/// The door, the oracle, and all that both were told.
struct Arena {
    dev: Dev,
    admin: Admin,
    idp: Idp,
    oracle: Oracle,
    dice: Dice,
    grants: Vec<String>,
    blocks: Vec<String>,
}

/// What is asked of the door.
#[derive(Clone, Copy)]
enum Ask {
    /// `tools/call`
    Call { slug: usize, stage: usize, tool: usize },
    /// `tools/list`
    List { slug: usize, stage: usize },
    /// `GET /tools`
    Tools,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_agree_with_the_oracle() {
    let (mut arena, _upstream) = Arena::open().await;
    let callers: Vec<(Token, Value)> = (0..8)
        .map(|n| {
            let groups: Vec<&str> = GROUPS.into_iter().filter(|_| arena.dice.once_in(2)).collect();
            let mut claims = arena.idp.claims(&format!("u{}", n % 5), &groups);
            if n % 3 == 0 {
                claims["roles"] = json!([GROUPS[n % 4]]);
            }
            (arena.idp.sign(&claims), claims)
        })
        .collect();
    let (mut requests, mut allowed, mut mistakes) = (0, 0, Vec::new());
    while requests < REQUESTS {
        for _ in 0..CHANGES {
            arena.change().await;
        }
        let claims: Vec<&Value> = callers.iter().map(|(_, claims)| claims).collect();
        let verdict = arena
            .oracle
            .ask(&json!({ "ask": { "callers": claims, "slugs": SLUGS, "tools": TOOLS } }));
        // Two threads of requests keep both cores busy.
        let mut lanes = JoinSet::new();
        for lane in 0..4 {
            let mine = callers
                .iter()
                .zip(verdict.as_array().unwrap())
                .skip(lane * 2)
                .take(2);
            let mine: Vec<_> = mine
                .map(|((token, _), may)| (token.clone(), may.as_str().unwrap().as_bytes().to_vec()))
                .collect();
            let asks: Vec<(usize, Ask)> = (0..100)
                .map(|_| (arena.dice.below(2), ask(&mut arena.dice)))
                .collect();
            let (http, base) = (arena.dev.http.clone(), arena.dev.places.data_url.clone());
            lanes.spawn(async move {
                let (mut allowed, mut mistakes) = (0, Vec::new());
                for (caller, ask) in asks {
                    let (token, may) = &mine[caller];
                    let (expected, got) = (expected(ask, may), answer(&http, &base, token, ask).await);
                    allowed += usize::from(!expected.is_empty());
                    if expected != got {
                        mistakes.push(format!("{}: {expected:?}, but {got:?}", name(ask)));
                    }
                }
                (allowed, mistakes)
            });
        }
        while let Some(lane) = lanes.join_next().await {
            let (good, bad) = lane.unwrap();
            allowed += good;
            mistakes.extend(bad);
            requests += 100;
        }
    }
    assert_eq!(mistakes, Vec::<String>::new());
    assert!(
        allowed * 10 > requests && allowed * 10 < requests * 9,
        "{allowed} of {requests}"
    );
}

fn ask(dice: &mut Dice) -> Ask {
    let (slug, stage, tool) = (dice.below(SLUGS.len()), dice.below(2), dice.below(TOOLS.len()));
    match dice.below(6) {
        0 => Ask::Tools,
        1 | 2 => Ask::List { slug, stage },
        _ => Ask::Call { slug, stage, tool },
    }
}

fn name(ask: Ask) -> String {
    match ask {
        Ask::Call { slug, stage, tool } => format!("call {} {} {}", SLUGS[slug], STAGES[stage], TOOLS[tool]),
        Ask::List { slug, stage } => format!("list {} {}", SLUGS[slug], STAGES[stage]),
        Ask::Tools => "GET /tools".to_owned(),
    }
}

/// What the oracle lets through of what is asked, as `slug stage tool`.
fn expected(ask: Ask, may: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for (s, slug) in SLUGS.iter().enumerate() {
        for (g, stage) in STAGES.iter().enumerate() {
            for (t, tool) in TOOLS.iter().enumerate() {
                let asked = match ask {
                    Ask::Call { slug, stage, tool } => (slug, stage, tool) == (s, g, t),
                    Ask::List { slug, stage } => (slug, stage) == (s, g),
                    Ask::Tools => true,
                };
                if asked && may[(s * STAGES.len() + g) * TOOLS.len() + t] == b'1' {
                    found.push(format!("{slug} {stage} {tool}"));
                }
            }
        }
    }
    found.sort();
    found
}

/// What the door lets through of it.
async fn answer(http: &reqwest::Client, base: &str, token: &Token, ask: Ask) -> Vec<String> {
    let endpoint = |slug: usize, stage: usize| {
        let stage = ["", "/qa"][stage];
        onedoor_tests::mcp::Mcp::new(http, &format!("{base}/servers/{}{stage}/mcp", SLUGS[slug]), token)
    };
    let mut found: Vec<String> = match ask {
        Ask::Call { slug, stage, tool } => {
            let answer = endpoint(slug, stage).call(TOOLS[tool], json!({})).await;
            answer
                .is_answered()
                .then(|| format!("{} {} {}", SLUGS[slug], STAGES[stage], TOOLS[tool]))
                .into_iter()
                .collect()
        }
        Ask::List { slug, stage } => {
            let answer = endpoint(slug, stage).request("tools/list", json!({})).await;
            let tools = answer.last()["result"]["tools"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            tools
                .iter()
                .map(|tool| {
                    format!(
                        "{} {} {}",
                        SLUGS[slug],
                        STAGES[stage],
                        tool["name"].as_str().unwrap()
                    )
                })
                .collect()
        }
        Ask::Tools => {
            let answer = http
                .get(format!("{base}/tools?limit=1000"))
                .bearer_auth(token.expose())
                .send()
                .await
                .unwrap();
            let page: Value = answer.json().await.unwrap();
            let text = |tool: &Value, member: &str| tool[member].as_str().unwrap().to_owned();
            let line = |tool: &Value| {
                format!(
                    "{} {} {}",
                    text(tool, "server"),
                    text(tool, "stage"),
                    text(tool, "tool")
                )
            };
            // A blocked caller is told so, and gets no list.
            let none = Vec::new();
            page["tools"]
                .as_array()
                .unwrap_or(&none)
                .iter()
                .map(line)
                .collect()
        }
    };
    found.sort();
    found
}

impl Arena {
    async fn open() -> (Self, Upstream) {
        let (dev, upstream, idp) = tokio::join!(Dev::start(), Upstream::start(), Idp::start("tests"));
        let admin = dev.admin("admin").await;
        idp.register(&admin).await;
        let mut oracle = Oracle::start(None);
        let mut told = vec![json!({ "kind": "trust", "issuer": idp.registration() })];
        for slug in SLUGS {
            let manifest = Manifest::new(slug, &upstream.url, TOOLS[..4].iter().copied());
            admin.open(&manifest).await;
            told.push(json!({ "kind": "register", "server": slug, "manifest": manifest.to_string() }));
            told.push(json!({ "kind": "approve", "server": slug, "version": 1 }));
            told.push(json!({ "kind": "promote", "server": slug, "version": 1 }));
        }
        let number = told.len();
        assert_eq!(oracle.ask(&json!({ "do": told })), number);
        let mut arena = Self {
            dev,
            admin,
            idp,
            oracle,
            dice: Dice::new(1),
            grants: Vec::new(),
            blocks: Vec::new(),
        };
        for _ in 0..12 {
            arena.grant().await;
        }
        (arena, upstream)
    }

    /// One change, at the door and then at the oracle.
    async fn change(&mut self) {
        let slug = *self.dice.pick(&SLUGS);
        let tool = *self.dice.pick(&TOOLS[..4]);
        match self.dice.below(12) {
            0..4 => self.grant().await,
            4..8 if !self.grants.is_empty() => {
                let index = self.dice.below(self.grants.len());
                let id = self.grants.swap_remove(index);
                self.admin.delete(&format!("/grants/{id}")).await.expect(200);
                self.tell(&json!({ "kind": "ungrant", "id": id }));
            }
            8 => {
                let user = format!("u{}", self.dice.below(5));
                let block = json!({ "issuer": self.idp.name, "tenant": TENANT, "user": user });
                let id = self
                    .admin
                    .post("/blocks", json!({ "user": block }))
                    .await
                    .expect(201)
                    .text("id");
                let mut block = block;
                (block["id"], block["target"]) = (json!(id), json!("user"));
                self.blocks.push(id);
                self.tell(&json!({ "kind": "block", "block": block }));
                if self.blocks.len() > 1 {
                    self.unblock().await;
                }
            }
            9 => {
                self.admin.stop(slug, &format!("tools/{tool}/disable")).await;
                self.tell(&json!({ "kind": "disable_tool", "server": slug, "tool": tool }));
            }
            10 => {
                self.admin.stop(slug, "disable").await;
                self.tell(&json!({ "kind": "disable", "server": slug }));
            }
            _ => {
                for slug in SLUGS {
                    self.admin.act(slug, "enable").await.expect(200);
                    self.admin
                        .act(slug, &format!("tools/{tool}/enable"))
                        .await
                        .expect(200);
                    self.tell(&json!({ "kind": "enable", "server": slug }));
                    self.tell(&json!({ "kind": "enable_tool", "server": slug, "tool": tool }));
                }
            }
        }
    }

    async fn grant(&mut self) {
        let (slug, stage) = (*self.dice.pick(&SLUGS), STAGES[usize::from(self.dice.once_in(3))]);
        let tool = self.dice.once_in(2).then(|| *self.dice.pick(&TOOLS[..4]));
        let kind = if self.dice.once_in(4) { "role" } else { "group" };
        let group = *self.dice.pick(&GROUPS);
        let holder = Holder {
            kind,
            ..self.idp.group(group)
        };
        let id = self.admin.grant(&holder, slug, tool, stage).await;
        let mut grant = json!({
            "id": id, "issuer": holder.issuer, "tenant": holder.tenant, "server": slug, "stage": stage,
        });
        grant[kind] = json!(holder.name);
        if let Some(tool) = tool {
            grant["tool"] = json!(tool);
        }
        self.grants.push(id);
        self.tell(&json!({ "kind": "grant", "grant": grant }));
    }

    async fn unblock(&mut self) {
        let id = self.blocks.remove(0);
        self.admin.delete(&format!("/blocks/{id}")).await.expect(204);
        self.tell(&json!({ "kind": "unblock", "id": id }));
    }

    fn tell(&mut self, event: &Value) {
        assert_eq!(self.oracle.ask(&json!({ "do": [event] })), 1);
    }
}
