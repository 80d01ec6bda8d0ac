//! The strategy `entra-obo`: Token A exchanged at Microsoft Entra on behalf of its user.
//!
//! Source: Microsoft identity platform, "OAuth 2.0 On-Behalf-Of flow".

mod answer;
mod credential;
mod refusal;
mod request;

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use jiff::Timestamp;
use onedoor_connect::{AddressPolicy, ConnectError, Connector, FetchError, Instant};
use onedoor_model::{
    decide::{Entitlement, Snapshot},
    ids::{CallId, UserId},
    principal::Principal,
    registry::{Issuer, ServerVersion, Settings},
};
use onedoor_redis::Redis;
use onedoor_secrets::Secrets;
use onedoor_wire::bearer::BearerToken;

use crate::{
    KeyError, NoTokenB, NotSetUp, TokenB, Unavailable,
    cache::{Cache, CacheCounts, Keys, Obtained, Subject},
    shared::{SharedCache, SharedCounts},
};

use self::answer::Wanted;

/// How long an identity provider may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An answer is not longer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// Exchanges tokens, and keeps what it got.
pub(crate) struct EntraObo {
    asker: Asker,
    keys: Keys,
    cache: Cache,
    /// What replicas have in common, behind the cache.
    shared: Option<SharedCache>,
}

/// What asking takes.
#[derive(Clone)]
struct Asker {
    connector: Connector,
    secrets: Secrets,
}

/// One exchange. It owns what it needs: it may outlive the call that started it.
struct Exchanging {
    asker: Asker,
    /// It has a client for exchanges.
    issuer: Arc<Issuer>,
    settings: Arc<Settings>,
    principal: Arc<Principal>,
    user: UserId,
    version: Arc<ServerVersion>,
    token_a: TokenA,
    call: CallId,
    now: Timestamp,
}

/// Token A, for the time of an exchange. Never printed.
struct TokenA(String);

impl EntraObo {
    pub(crate) fn new(
        connector: Connector,
        secrets: Secrets,
        redis: Option<Redis>,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            asker: Asker { connector, secrets },
            keys: Keys::random()?,
            cache: Cache::default(),
            shared: redis.map(SharedCache::new),
        })
    }

    pub(crate) fn cache_counts(&self) -> CacheCounts {
        self.cache.counts()
    }

    pub(crate) fn shared_counts(&self) -> Option<SharedCounts> {
        self.shared.as_ref().map(SharedCache::counts)
    }

    pub(crate) async fn obtain(
        &self,
        entitlement: Entitlement<'_>,
        token_a: BearerToken<'_>,
        call: CallId,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<TokenB, NoTokenB> {
        let principal = entitlement.principal();
        if principal.expires_at <= now {
            return Err(NoTokenB::Expired);
        }
        let user = principal.user.as_ref().ok_or(NoTokenB::NoUser)?;
        let issuer = snapshot
            .issuers()
            .find(|issuer| issuer.name == principal.issuer && issuer.on_behalf_of.is_some())
            .ok_or(NotSetUp::NoClient)?;
        let subject = Subject::of(token_a, snapshot.epoch(principal), entitlement);
        let exchange = |need| {
            let exchanging = Exchanging {
                asker: self.asker.clone(),
                issuer: Arc::clone(issuer),
                settings: Arc::clone(snapshot.settings()),
                principal: Arc::clone(principal),
                user: user.clone(),
                version: Arc::clone(entitlement.version()),
                token_a: TokenA(token_a.expose().to_owned()),
                call,
                now,
            };
            let shared = self.shared.clone();
            async move {
                let Some(shared) = shared else {
                    return exchanging.run().await;
                };
                let is_wanted = |obtained: &_| answer::is_wanted(obtained, &exchanging.wanted());
                shared
                    .obtain(&subject, need, now, is_wanted, exchanging.run())
                    .await
            }
        };
        self.cache.get(self.keys.key(&subject), now, exchange).await
    }
}

impl Exchanging {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            audience: &self.version.manifest.audience,
            tenant: &self.principal.tenant,
            user: &self.user,
            now: self.now,
        }
    }

    async fn run(&self) -> Result<Obtained, NoTokenB> {
        let client = self.issuer.on_behalf_of.as_ref().ok_or(NotSetUp::NoClient)?;
        let endpoint = request::endpoint(&client.token_endpoint, &self.principal.tenant)?;
        let credential = credential::of(client, &endpoint, &self.asker.secrets, self.now)?;
        let manifest = &self.version.manifest;
        let scope = request::scope(&manifest.audience, &manifest.required_scope);
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("requested_token_use", "on_behalf_of"),
            ("client_id", client.client.as_str()),
            ("scope", &scope),
            ("assertion", &self.token_a.0),
        ];
        form.extend(credential.parameters());
        let answer = self
            .asker
            .connector
            .post_form(
                &endpoint,
                &form,
                correlating(self.call),
                AddressPolicy::allowing(&self.settings.internal_networks),
                Instant::now() + TIMEOUT,
                MAX_ANSWER,
            )
            .await
            .map_err(unanswered)?;
        if answer.status != StatusCode::OK {
            let retry_after = answer.headers.get(RETRY_AFTER);
            return Err(refusal::read(answer.status, retry_after, &answer.bytes));
        }
        let (token, expires) = answer::read(&answer.bytes, &self.wanted())?;
        Ok(Obtained {
            token,
            at: self.now,
            expires,
            token_a_expires: self.principal.expires_at,
        })
    }
}

impl fmt::Debug for EntraObo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraObo").finish_non_exhaustive()
    }
}

/// Makes the call's id the one that Entra's logs and errors name (its `correlation_id`).
fn correlating(call: CallId) -> HeaderMap {
    HeaderValue::try_from(call.to_string())
        .map(|id| HeaderMap::from_iter([(http::HeaderName::from_static("client-request-id"), id)]))
        .unwrap_or_default()
}

/// What no answer means: a URL or an address that is not allowed is the operator's to mend, all else may pass.
fn unanswered(error: FetchError) -> NoTokenB {
    let error = Arc::new(error);
    match &*error {
        FetchError::Url(_) | FetchError::Connect(ConnectError::Forbidden(_)) => {
            NotSetUp::Connection(error).into()
        }
        FetchError::Connect(
            ConnectError::Resolve(_)
            | ConnectError::NoAddress
            | ConnectError::Tcp(_)
            | ConnectError::Tls(_)
            | ConnectError::Broken(_)
            | ConnectError::TimedOut(_),
        )
        | FetchError::Send(_)
        | FetchError::Status(_)
        | FetchError::NotJson
        | FetchError::TooLong
        | FetchError::Body(_)
        | FetchError::TimedOut => Unavailable::NoAnswer(error).into(),
    }
}
