//! The verifier: from a request's headers to a principal.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use moka::{Expiry, sync::Cache};
use onedoor_connect::Connector;
use onedoor_model::{
    decide::Snapshot,
    ids::Digest,
    principal::Principal,
    registry::{Issuer, Settings},
};
use onedoor_wire::{
    bearer::{BearerToken, bearer},
    jwt,
};

use crate::{
    AuthnFault, Plane, TokenFault,
    claims::{self, Claims, Terms},
    issuer::issuer_of,
    keys::algorithm_named,
    ring::{KeyRings, KeyTimes, KeysUnavailable},
};

/// Verified tokens kept, in bytes of their text. What is kept of one is of about its size.
const KEPT_BYTES: u64 = 64 << 20;

/// Verifies bearer tokens, and remembers those it has.
pub struct Verifier {
    rings: KeyRings,
    verified: Cache<TokenKey, Arc<Verified>>,
}

/// A token on a plane. The same token on the other plane is another thing.
type TokenKey = (Plane, Digest);

/// A token whose signature and claims were found good.
struct Verified {
    principal: Arc<Principal>,
    /// The issuer as it was then.
    issuer: Arc<Issuer>,
    text_bytes: u32,
    /// From then on to its end.
    lifetime: Duration,
}

impl Verifier {
    /// A verifier that fetches keys through `connector`.
    #[must_use]
    pub fn new(connector: Connector) -> Self {
        Self::with_key_times(connector, KeyTimes::default())
    }

    /// A verifier that fetches keys at other times than the default ones.
    #[must_use]
    pub fn with_key_times(connector: Connector, times: KeyTimes) -> Self {
        let verified = Cache::builder()
            .max_capacity(KEPT_BYTES)
            .weigher(|_, verified: &Arc<Verified>| verified.text_bytes)
            .expire_after(AtTheTokensEnd)
            .build();
        Self {
            rings: KeyRings::new(connector, times),
            verified,
        }
    }

    /// Who calls with these headers on this plane, under these issuers and settings, at this time.
    ///
    /// Must be called within a Tokio runtime. A token that was verified before takes one look into a cache; another
    /// one a signature check, and waits for its issuer's keys where they must be fetched.
    ///
    /// # Errors
    /// When nobody can be let in.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        plane: Plane,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Arc<Principal>, AuthnFault> {
        let token = bearer(headers)?;
        let digest = digest_of(token);
        if let Some(verified) = self.verified.get(&(plane, digest))
            && verified.still_holds(snapshot)
        {
            claims::check_expiry(verified.principal.expires_at, now, leeway(snapshot.settings()))?;
            return Ok(Arc::clone(&verified.principal));
        }
        let verified = self.verify(token, digest, plane, snapshot, now).await?;
        self.verified.insert((plane, digest), Arc::clone(&verified));
        Ok(Arc::clone(&verified.principal))
    }

    async fn verify(
        &self,
        token: BearerToken<'_>,
        digest: Digest,
        plane: Plane,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<Arc<Verified>, AuthnFault> {
        let text = token.expose();
        let jwt = jwt::split(text).map_err(TokenFault::from)?;
        check_type(jwt.typ.as_deref())?;
        let claims = Claims::read(&jwt.payload)?;
        let issuer = issuer_of(snapshot.issuers(), &claims.issuer()?, claims.tenant()?.as_deref())?;
        let algorithm = algorithm_named(&jwt.alg)
            .filter(|algorithm| issuer.algorithms.contains(algorithm))
            .ok_or(TokenFault::AlgorithmNotAccepted)?;
        let ring = self.rings.of(issuer, snapshot);
        let keys = ring
            .keys_for(jwt.kid.as_deref(), algorithm, snapshot.settings())
            .await;
        keys.map_err(|KeysUnavailable| AuthnFault::Unavailable)?.verify(
            text,
            jwt.kid.as_deref(),
            algorithm,
        )?;
        let leeway = leeway(snapshot.settings());
        let principal = claims::principal(
            &claims,
            &Terms {
                issuer,
                plane,
                now,
                leeway,
                token: digest,
            },
        )?;
        let left = principal.expires_at.duration_since(now) + leeway;
        Ok(Arc::new(Verified {
            principal: Arc::new(principal),
            issuer: Arc::clone(issuer),
            text_bytes: u32::try_from(text.len()).unwrap_or(u32::MAX),
            lifetime: Duration::try_from(left).unwrap_or_default(),
        }))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Verified {
    /// Whether the issuer is still trusted, and in the same way. A snapshot that was published since and left the issuer
    /// alone has the very same entry; any other one, equal or not, may stand for a distrust in between.
    fn still_holds(&self, snapshot: &Snapshot) -> bool {
        snapshot.issuers().any(|issuer| Arc::ptr_eq(issuer, &self.issuer))
    }
}

/// Makes room when a token ends. Whether it has ended is judged on every hit, by the caller's clock.
struct AtTheTokensEnd;

impl Expiry<TokenKey, Arc<Verified>> for AtTheTokensEnd {
    fn expire_after_create(&self, _: &TokenKey, verified: &Arc<Verified>, _: Instant) -> Option<Duration> {
        Some(verified.lifetime)
    }

    fn expire_after_update(
        &self,
        _: &TokenKey,
        verified: &Arc<Verified>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(verified.lifetime)
    }
}

/// `typ`, where it is there: a JWT (RFC 7519 §5.1), or an access token in particular (RFC 9068 §2.1).
fn check_type(typ: Option<&str>) -> Result<(), TokenFault> {
    let types = ["JWT", "at+jwt", "application/at+jwt"];
    match typ {
        Some(typ) if !types.iter().any(|known| typ.eq_ignore_ascii_case(known)) => Err(TokenFault::WrongType),
        Some(_) | None => Ok(()),
    }
}

fn digest_of(token: BearerToken<'_>) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.expose().as_bytes()).as_ref());
    Digest::from_bytes(bytes)
}

fn leeway(settings: &Settings) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(settings.clock_leeway_seconds).unwrap_or(i64::MAX))
}
