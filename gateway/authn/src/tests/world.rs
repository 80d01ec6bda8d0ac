//! A registry and a verifier.

use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use jiff::Timestamp;
use onedoor_connect::{Connector, Roots};
use onedoor_model::{
    decide::Snapshot,
    envelope::{Envelope, Producer},
    ids::{AggregateVersion, BootId, Digest, EventId, LogId, Offset},
    principal::{Actor, Principal},
    registry::{
        Change, CommandStamp, Issuer, IssuerChosen, LogCreated, RegistryEvent, Settings, State, Verdict,
    },
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    provider::Provider,
    support::{TestKey, in_time, issuer, now, unique},
};
use crate::{AuthnFault, KeyTimes, Plane, Verifier};

/// A registry with an issuer whose keys are served on loopback, and a verifier.
pub(super) struct World {
    pub(super) provider: Provider,
    pub(super) verifier: Verifier,
    state: State,
    pub(super) snapshot: Snapshot,
}

impl World {
    /// With one RSA key and the usual times.
    pub(super) async fn new() -> Self {
        Self::with(&[TestKey::rsa()], KeyTimes::default()).await
    }

    pub(super) async fn with(keys: &[TestKey], times: KeyTimes) -> Self {
        let provider = Provider::start(keys).await;
        let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
        let verifier = Verifier::with_key_times(connector, times);
        let mut world = Self {
            provider,
            verifier,
            state: State::default(),
            snapshot: Snapshot::default(),
        };
        world.apply(
            AggregateVersion::NONE,
            Change::LogCreated(LogCreated {
                log: LogId(Uuid::now_v7()),
            }),
        );
        let internal_networks = vec!["127.0.0.0/8".parse().unwrap()];
        world.change_settings(Settings {
            internal_networks,
            ..Settings::default()
        });
        world.trust(world.issuer());
        world
    }

    /// The issuer as it is first trusted.
    pub(super) fn issuer(&self) -> Issuer {
        Issuer {
            jwks_uri: self.provider.jwks_uri(),
            ..issuer()
        }
    }

    pub(super) fn trust(&mut self, issuer: Issuer) {
        let known = self
            .state
            .issuer(&issuer.name)
            .map(|known| known.changed.version());
        self.apply(known.unwrap_or_default(), Change::IssuerTrusted(Box::new(issuer)));
    }

    pub(super) fn distrust(&mut self) {
        self.apply(
            AggregateVersion::NONE,
            Change::IssuerDistrusted(IssuerChosen { name: issuer().name }),
        );
    }

    pub(super) fn change_settings(&mut self, settings: Settings) {
        let known = self.state.settings().map(|known| known.changed.version());
        self.apply(
            known.unwrap_or_default(),
            Change::SettingsChanged(Box::new(settings)),
        );
    }

    fn apply(&mut self, expected: AggregateVersion, change: Change) {
        let offset = self.state.revision().map_or(Offset(0), Offset::next);
        let event = RegistryEvent {
            command: CommandStamp {
                id: unique().parse().unwrap(),
                route: "test".to_owned(),
                digest: Digest::of(b""),
            },
            expected: (!change.is_restrictive()).then_some(expected),
            change,
        };
        let envelope = Envelope {
            id: EventId(Uuid::now_v7()),
            source: "test".parse().unwrap(),
            time: now(),
            traceparent: None,
            producer: Producer::Registry,
            boot: BootId(Uuid::now_v7()),
            seq: 0,
            prevhash: None,
            tenant: None,
            actor: Some(Actor::System {
                name: "test".to_owned(),
            }),
            reason: None,
            data: event,
        };
        assert_eq!(self.state.apply(offset, &envelope), Ok(Verdict::Effective));
        self.snapshot = Snapshot::of(&self.state);
    }

    pub(super) async fn authenticate(&self, token: &str) -> Result<Principal, AuthnFault> {
        self.authenticate_on(Plane::Data, token, now()).await
    }

    pub(super) async fn authenticate_on(
        &self,
        plane: Plane,
        token: &str,
        now: Timestamp,
    ) -> Result<Principal, AuthnFault> {
        let headers = bearer(token);
        let principal = in_time(self.verifier.authenticate(&headers, plane, &self.snapshot, now)).await?;
        Ok((*principal).clone())
    }

    /// Signs with the usual key.
    pub(super) async fn authenticate_claims(&self, claims: &Value) -> Result<Principal, AuthnFault> {
        self.authenticate(&TestKey::rsa().sign(claims)).await
    }
}

pub(super) fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(
        AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
    )])
}
