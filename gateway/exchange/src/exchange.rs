//! The one way to a Token B.

use jiff::Timestamp;
use onedoor_connect::Connector;
use onedoor_model::{
    decide::{Entitlement, Snapshot},
    ids::CallId,
    manifest::Strategy,
};
use onedoor_redis::Redis;
use onedoor_secrets::Secrets;
use onedoor_wire::bearer::BearerToken;

use crate::{
    CacheCounts, KeyError, NoTokenB, SharedCounts, SigningKey, TokenB, entra::EntraObo,
    gateway_issued::TokenIssuer,
};

/// Obtains Token B, by whichever strategy a server's manifest names.
#[derive(Debug)]
pub struct Exchange {
    gateway_issued: TokenIssuer,
    entra_obo: EntraObo,
}

impl Exchange {
    /// An exchange of the gateway that clients know by `public_url`: `iss` of the tokens it signs with `key`. Those it does not sign
    /// it asks identity providers for, through `connector`, with the credentials among `secrets`; what it got so it shares with other
    /// replicas through `redis`, where there is one.
    ///
    /// # Errors
    /// [`KeyError::Generate`]: the system gives no randomness.
    pub fn new(
        public_url: String,
        key: SigningKey,
        connector: Connector,
        secrets: Secrets,
        redis: Option<Redis>,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            gateway_issued: TokenIssuer::new(public_url, key),
            entra_obo: EntraObo::new(connector, secrets, redis)?,
        })
    }

    /// The gateway's own key set, for tool servers (RFC 7517 §5).
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.gateway_issued.jwks()
    }

    /// How often the cache of exchanged tokens served.
    #[must_use]
    pub fn cache_counts(&self) -> CacheCounts {
        self.entra_obo.cache_counts()
    }

    /// How often what other replicas had obtained served; none where nothing is shared.
    #[must_use]
    pub fn shared_counts(&self) -> Option<SharedCounts> {
        self.entra_obo.shared_counts()
    }

    /// Obtains Token B for a permitted call, as its server's strategy says. It never outlives Token A.
    ///
    /// Must be called within a Tokio runtime. A token the gateway signs, and one in the cache, is there without waiting.
    ///
    /// # Errors
    /// [`NoTokenB`], which says whose fault it is and whether to try again.
    pub async fn obtain(
        &self,
        entitlement: Entitlement<'_>,
        token_a: BearerToken<'_>,
        call: CallId,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<TokenB, NoTokenB> {
        match entitlement.version().manifest.strategy {
            Strategy::GatewayIssued => {
                let lifetime = snapshot.settings().token_b_seconds;
                self.gateway_issued.issue(entitlement, call, now, lifetime)
            }
            Strategy::EntraObo => {
                self.entra_obo
                    .obtain(entitlement, token_a, call, snapshot, now)
                    .await
            }
        }
    }
}
