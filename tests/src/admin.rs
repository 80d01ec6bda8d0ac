//! The admin API, as a careful client uses it: every command has an id, and says which version it is for.

use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{manifest::Manifest, token::Token};

/// The admin API, as one caller.
#[derive(Clone, Debug)]
pub struct Admin {
    http: Client,
    base: String,
    token: Token,
}

/// What the admin API answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The JSON body; null where there is none.
    pub body: Value,
}

/// Whom a grant is for: a group or an app role, of an issuer and tenant.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Name of the issuer in the registry.
    pub issuer: String,
    /// Tenant at it.
    pub tenant: String,
    /// `group` or `role`.
    pub kind: &'static str,
    /// The group's id or the role's value.
    pub name: String,
}

impl Admin {
    /// The API below this URL, with this token.
    #[must_use]
    pub fn new(http: &Client, base: &str, token: &Token) -> Self {
        Self {
            http: http.clone(),
            base: base.to_owned(),
            token: token.clone(),
        }
    }

    /// A request that was not sent yet; the path is below `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let command = Uuid::now_v7().to_string();
        let is_command = method != Method::GET;
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.base))
            .bearer_auth(self.token.expose());
        if is_command {
            request.header("Idempotency-Key", command)
        } else {
            request
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::GET, path)).await
    }

    /// POST of JSON, for the present version where there is one.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        Reply::of(self.request(Method::POST, path).json(&body)).await
    }

    /// POST that says which version it is for.
    pub async fn post_if(&self, path: &str, version: &str, body: Value) -> Reply {
        Reply::of(
            self.request(Method::POST, path)
                .header("If-Match", version)
                .json(&body),
        )
        .await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        Reply::of(self.request(Method::DELETE, path)).await
    }

    /// What a server's history calls its present version.
    pub async fn version(&self, slug: &str) -> String {
        self.get(&format!("/servers/{slug}")).await.expect(200).etag()
    }

    /// A verb on a server as it is now: `approve`, `promote`, `enable`, `disable`, `tools/x/disable` …
    pub async fn act(&self, slug: &str, verb: &str) -> Reply {
        let version = self.version(slug).await;
        self.post_if(
            &format!("/servers/{slug}/{verb}"),
            &version,
            json!({ "reason": "a test" }),
        )
        .await
    }

    /// A verb that only takes away, and so needs no version: `disable`, `tools/x/disable`.
    pub async fn stop(&self, slug: &str, verb: &str) {
        self.post(&format!("/servers/{slug}/{verb}"), json!({ "reason": "a test" }))
            .await
            .expect(200);
    }

    /// Registers a server.
    pub async fn register(&self, manifest: &Manifest) -> Reply {
        Reply::of(self.request(Method::POST, "/servers").body(manifest.to_string()))
            .await
            .expect(201)
    }

    /// Submits the next version of a server.
    pub async fn update(&self, manifest: &Manifest) -> Reply {
        let version = self.version(&manifest.slug).await;
        let request = self
            .request(Method::PUT, &format!("/servers/{}", manifest.slug))
            .header("If-Match", version);
        Reply::of(request.body(manifest.to_string())).await.expect(200)
    }

    /// Registers, approves and promotes a server.
    pub async fn open(&self, manifest: &Manifest) {
        self.register(manifest).await;
        self.act(&manifest.slug, "approve").await.expect(200);
        self.act(&manifest.slug, "promote").await.expect(200);
    }

    /// Lets a holder call a server's tools, or one of them, at a stage. Gives the grant's id.
    pub async fn grant(&self, holder: &Holder, slug: &str, tool: Option<&str>, stage: &str) -> String {
        let mut grant = json!({
            "issuer": holder.issuer, "tenant": holder.tenant, "server": slug, "stage": stage,
        });
        grant[holder.kind] = json!(holder.name);
        if let Some(tool) = tool {
            grant["tool"] = json!(tool);
        }
        self.post("/grants", grant).await.expect(201).text("id")
    }

    /// Lets in just these client apps of an issuer on the data plane.
    pub async fn admit_only(&self, issuer: &str, clients: &[&str]) {
        self.change_issuer(issuer, |issuer| issuer["data"]["clients"] = json!(clients))
            .await;
    }

    /// Changes an issuer, starting from what it is.
    pub async fn change_issuer(&self, issuer: &str, change: impl FnOnce(&mut Value)) {
        let list = self.get("/issuers").await.expect(200);
        let issuers = list.body["issuers"].as_array().unwrap();
        let now = issuers.iter().find(|one| one["name"] == issuer).unwrap();
        let mut changed = now.clone();
        for shown in ["version", "changed"] {
            changed.as_object_mut().unwrap().remove(shown);
        }
        change(&mut changed);
        let request = self
            .request(Method::PUT, &format!("/issuers/{issuer}"))
            .header("If-Match", format!("\"{}\"", now["version"]))
            .json(&changed);
        Reply::of(request).await.expect(200);
    }

    /// Changes settings, starting from those in force.
    pub async fn set(&self, change: impl FnOnce(&mut Value)) {
        let now = self.get("/settings").await.expect(200);
        let mut settings = now.body.clone();
        // What is shown and cannot be set.
        for shown in ["version", "changed"] {
            settings.as_object_mut().unwrap().remove(shown);
        }
        change(&mut settings);
        let request = self
            .request(Method::PUT, "/settings")
            .header("If-Match", now.etag())
            .json(&settings);
        Reply::of(request).await.expect(200);
    }
}

impl Reply {
    /// Sends a request, and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap()
        };
        Self {
            status,
            headers,
            body,
        }
    }

    /// This answer, which must have this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The version it tells.
    #[must_use]
    pub fn etag(&self) -> String {
        self.headers["etag"].to_str().unwrap().to_owned()
    }

    /// A text of the body.
    #[must_use]
    pub fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap().to_owned()
    }
}
