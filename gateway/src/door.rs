//! The door: all that serving a request needs.

use std::{collections::BTreeSet, fmt, net::IpAddr, sync::Arc};

use aws_lc_rs::hmac;
use http::HeaderMap;
use jiff::Timestamp;
use onedoor_authn::{Plane, Verifier};
use onedoor_model::{
    audit::KeyedDigest,
    ids::{Digest, Slug},
    principal::Principal,
    registry::Stage,
};
use onedoor_registry::Registry;
use tokio_util::sync::CancellationToken;

use crate::{
    audit::{Denials, Recorder},
    challenge::Unauthenticated,
    exchange::TokenIssuer,
    paging::Cursors,
    proxy::Pools,
};

/// What the data plane serves with. One for each replica.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) registry: Arc<Registry>,
    pub(crate) recorder: Recorder,
    pub(crate) denials: Arc<Denials>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) tokens: TokenIssuer,
    pub(crate) pools: Pools,
    pub(crate) digests: ArgumentDigests,
    pub(crate) cursors: Cursors,
    /// The URL clients know the data plane by, without a trailing slash.
    pub(crate) public_url: String,
    /// Cancelled when the replica is to take no more requests.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when open calls must end.
    pub(crate) draining: CancellationToken,
}

/// Keyed digests of arguments: equal arguments can be matched by whoever has the key, and by nobody else.
pub(crate) struct ArgumentDigests {
    id: String,
    key: hmac::Key,
}

impl Door {
    /// Who calls. A failure is counted by source network.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        source: IpAddr,
    ) -> Result<Arc<Principal>, Unauthenticated> {
        let now = Timestamp::now();
        let snapshot = self.registry.snapshot();
        self.verifier
            .authenticate(headers, Plane::Data, &snapshot, now)
            .await
            .map_err(|fault| {
                self.denials.unauthenticated(Some(source), fault.reason(), now);
                Unauthenticated {
                    fault,
                    scope: self.scopes_supported().join(" "),
                }
            })
    }

    /// Scopes that a token for the data plane may need.
    pub(crate) fn scopes_supported(&self) -> Vec<String> {
        let snapshot = self.registry.snapshot();
        let scopes = snapshot
            .issuers()
            .filter_map(|issuer| issuer.data.required_scope.as_ref());
        scopes
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Where the metadata of a server's endpoint is (RFC 9728 §3.1).
    pub(crate) fn resource_metadata(&self, slug: &str, stage: Stage) -> String {
        let root = format!("{}/.well-known/oauth-protected-resource", self.public_url);
        // The slug is as the caller wrote it: only a valid one may go back in a header.
        if Slug::new(slug).is_err() {
            return root;
        }
        let stage = match stage {
            Stage::Production => "",
            Stage::Qa => "/qa",
        };
        format!("{root}/servers/{slug}{stage}/mcp")
    }
}

impl ArgumentDigests {
    /// Digests with this key. Its id is a digest of the key itself, so that another key has another id.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let id = Digest::of(key).to_string().chars().take(16).collect();
        Self {
            id,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    pub(crate) fn of(&self, arguments: &[u8]) -> KeyedDigest {
        let tag = hmac::sign(&self.key, arguments);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        KeyedDigest {
            key_id: self.id.clone(),
            digest: Digest::from_bytes(digest),
        }
    }
}

impl fmt::Debug for ArgumentDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArgumentDigests({})", self.id)
    }
}
