//! Tokens that were verified before.

use std::time::Duration;

use onedoor_model::registry::Issuer;
use serde_json::json;

use super::{
    support::{TestKey, after, now, until, v2, with},
    world::World,
};
use crate::{AuthnFault, KeyTimes, Plane, TokenFault};

/// A world that has verified this token, and whose keys are then too old to be used and cannot be had again: another
/// token cannot be checked, so whoever is let in is so without a signature check.
async fn world_without_keys(token: &str) -> World {
    let times = KeyTimes {
        unusable_after: Duration::from_millis(200),
        ..KeyTimes::default()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    assert!(world.authenticate(token).await.is_ok());
    world.provider.go_down();
    // Let the keys grow old: another token can no longer be checked.
    until(async || {
        let other = TestKey::rsa().sign(&v2());
        world.authenticate(&other).await == Err(AuthnFault::Unavailable)
    })
    .await;
    world
}

#[tokio::test]
async fn a_token_is_verified_once() {
    let token = TestKey::rsa().sign(&v2());
    let world = world_without_keys(&token).await;
    let requests = world.provider.requests();
    for _ in 0..100 {
        let principal = world.authenticate(&token).await.unwrap();
        assert_eq!(principal.client.as_str(), super::support::CLIENT);
    }
    assert_eq!(world.provider.requests(), requests);
}

#[tokio::test]
async fn a_verified_token_ends_when_it_expires() {
    let token = TestKey::rsa().sign(&v2());
    let world = world_without_keys(&token).await;
    let at = async |seconds| {
        world
            .authenticate_on(Plane::Data, &token, after(seconds))
            .await
            .map(drop)
    };
    assert_eq!(at(3_659).await, Ok(()));
    assert_eq!(at(3_660).await, Err(AuthnFault::Token(TokenFault::Expired)));
}

#[tokio::test]
async fn a_verified_token_is_not_known_on_the_other_plane() {
    let token = TestKey::rsa().sign(&v2());
    let world = world_without_keys(&token).await;
    assert!(world.authenticate_on(Plane::Data, &token, now()).await.is_ok());
    let fault = world
        .authenticate_on(Plane::Admin, &token, now())
        .await
        .unwrap_err();
    assert_eq!(fault, AuthnFault::Unavailable);
}

#[tokio::test]
async fn a_verified_token_ends_with_its_issuer() {
    let mut world = World::new().await;
    let token = TestKey::rsa().sign(&v2());
    assert!(world.authenticate(&token).await.is_ok());
    world.distrust();
    assert_eq!(
        world.authenticate(&token).await,
        Err(AuthnFault::Token(TokenFault::UntrustedIssuer))
    );
    world.trust(world.issuer());
    assert!(world.authenticate(&token).await.is_ok());
}

#[tokio::test]
async fn a_verified_token_is_judged_anew_when_its_issuer_changes() {
    let mut world = World::new().await;
    let token = TestKey::rsa().sign(&v2());
    assert!(world.authenticate(&token).await.is_ok());
    let mut changed = world.issuer();
    changed.data.clients = ["another".parse().unwrap()].into();
    world.trust(changed);
    assert_eq!(
        world.authenticate(&token).await,
        Err(AuthnFault::Token(TokenFault::ClientNotAccepted))
    );
    world.trust(Issuer {
        tenants: ["another".parse().unwrap()].into(),
        ..world.issuer()
    });
    assert_eq!(
        world.authenticate(&token).await,
        Err(AuthnFault::Token(TokenFault::TenantNotAccepted))
    );
}

#[tokio::test]
async fn a_refused_token_is_not_remembered() {
    let mut world = World::new().await;
    let token = TestKey::rsa().sign(&with(v2(), "azp", json!("newcomer")));
    assert_eq!(
        world.authenticate(&token).await,
        Err(AuthnFault::Token(TokenFault::ClientNotAccepted))
    );
    let mut changed = world.issuer();
    changed.data.clients.insert("newcomer".parse().unwrap());
    world.trust(changed);
    assert!(world.authenticate(&token).await.is_ok());
}
