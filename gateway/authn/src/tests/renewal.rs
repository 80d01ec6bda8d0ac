//! How an issuer's keys are fetched.

use std::{sync::Arc, time::Duration};

use onedoor_model::registry::{Issuer, Settings};

use super::{
    support::{TestKey, in_time, until, v2},
    world::{World, bearer},
};
use crate::{AuthnFault, KeyTimes, Plane, TokenFault};

const NEVER: Duration = Duration::from_secs(100_000);

/// Keys that are current for ever and failures that are never forgiven: what is fetched is fetched for another reason.
fn patient() -> KeyTimes {
    KeyTimes {
        renew_after: NEVER,
        unusable_after: NEVER,
        current_for: NEVER,
        first_pause: NEVER,
        longest_pause: NEVER,
        ..KeyTimes::default()
    }
}

fn token() -> String {
    TestKey::rsa().sign(&v2())
}

#[tokio::test]
async fn one_fetch_serves_all_who_wait() {
    let world = Arc::new(World::with(&[TestKey::rsa()], patient()).await);
    world.provider.hold_answers();
    let started = Arc::new(tokio::sync::Semaphore::new(0));
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (world, started, token) = (Arc::clone(&world), Arc::clone(&started), token());
            tokio::spawn(async move {
                started.add_permits(1);
                world.authenticate(&token).await
            })
        })
        .collect();
    // On this one thread, a task that has started has come to wait for the keys.
    let _all = in_time(started.acquire_many(100)).await.unwrap();
    until(async || world.provider.requests() > 0).await;
    world.provider.release_answers();
    for task in tasks {
        assert!(in_time(task).await.unwrap().is_ok());
    }
    assert_eq!(world.provider.requests(), 1);
}

#[tokio::test]
async fn a_fetch_survives_whoever_began_it() {
    let world = World::with(&[TestKey::rsa()], patient()).await;
    world.provider.hold_answers();
    let headers = bearer(&token());
    let mut first = Box::pin(world.verifier.authenticate(
        &headers,
        Plane::Data,
        &world.snapshot,
        super::support::now(),
    ));
    until(async || {
        tokio::select! {
            biased;
            _ = &mut first => panic!("nobody has answered"),
            () = tokio::task::yield_now() => world.provider.requests() == 1,
        }
    })
    .await;
    drop(first);
    world.provider.release_answers();
    assert!(world.authenticate(&token()).await.is_ok());
    assert_eq!(world.provider.requests(), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_fetches_nothing_while_the_keys_are_current() {
    let world = World::with(&[TestKey::rsa()], patient()).await;
    let forged = |index: usize| TestKey::other_rsa().named(["x", "y", "z"][index % 3]).sign(&v2());
    for index in 0..50 {
        let fault = world.authenticate(&forged(index)).await.unwrap_err();
        assert_eq!(fault, AuthnFault::Token(TokenFault::UnknownKey));
    }
    assert_eq!(world.provider.requests(), 1);
}

/// The control of the test above: it is `current_for` that holds the flood back.
#[tokio::test]
async fn keys_that_are_not_current_are_fetched_for_each_unknown_key() {
    let world = World::with(
        &[TestKey::rsa()],
        KeyTimes {
            current_for: Duration::ZERO,
            ..patient()
        },
    )
    .await;
    assert!(world.authenticate(&token()).await.is_ok());
    for _ in 0..5 {
        let fault = world
            .authenticate(&TestKey::other_rsa().sign(&v2()))
            .await
            .unwrap_err();
        assert_eq!(fault, AuthnFault::Token(TokenFault::UnknownKey));
    }
    assert_eq!(world.provider.requests(), 6);
}

#[tokio::test]
async fn a_flood_that_meets_a_dead_issuer_fetches_once_a_pause() {
    let world = World::with(
        &[TestKey::rsa()],
        KeyTimes {
            current_for: Duration::ZERO,
            ..patient()
        },
    )
    .await;
    assert!(world.authenticate(&token()).await.is_ok());
    world.provider.go_down();
    for _ in 0..20 {
        let fault = world
            .authenticate(&TestKey::other_rsa().sign(&v2()))
            .await
            .unwrap_err();
        assert_eq!(fault, AuthnFault::Token(TokenFault::UnknownKey));
    }
    assert_eq!(world.provider.requests(), 2);
    assert!(world.authenticate(&token()).await.is_ok());
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_forgotten() {
    let times = KeyTimes {
        current_for: Duration::from_millis(20),
        ..patient()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    assert!(world.authenticate(&token()).await.is_ok());
    world.provider.rotate(&[TestKey::other_rsa()]);
    until(async || {
        world
            .authenticate(&TestKey::other_rsa().sign(&v2()))
            .await
            .is_ok()
    })
    .await;
    let fault = world.authenticate(&token()).await.unwrap_err();
    assert_eq!(fault, AuthnFault::Token(TokenFault::UnknownKey));
}

#[tokio::test]
async fn keys_are_renewed_while_they_are_used() {
    let times = KeyTimes {
        renew_after: Duration::ZERO,
        ..patient()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    assert!(world.authenticate(&token()).await.is_ok());
    world.provider.rotate(&[TestKey::rsa(), TestKey::other_rsa()]);
    // Nobody waits for it: the answer is held back, and the token accepted.
    world.provider.hold_answers();
    assert!(world.authenticate(&token()).await.is_ok());
    until(async || world.provider.requests() == 2).await;
    world.provider.release_answers();
    until(async || {
        world.authenticate(&token()).await.unwrap();
        world
            .authenticate(&TestKey::other_rsa().sign(&v2()))
            .await
            .is_ok()
    })
    .await;
}

#[tokio::test]
async fn while_an_issuer_is_down_its_keys_are_used_and_it_is_asked_again() {
    let times = KeyTimes {
        renew_after: Duration::ZERO,
        first_pause: Duration::from_millis(5),
        ..patient()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    assert!(world.authenticate(&token()).await.is_ok());
    world.provider.go_down();
    until(async || {
        world.authenticate(&token()).await.unwrap();
        world.provider.requests() > 3
    })
    .await;
}

#[tokio::test]
async fn keys_that_are_too_old_are_used_no_more() {
    let times = KeyTimes {
        unusable_after: Duration::from_millis(100),
        first_pause: Duration::ZERO,
        ..patient()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    until(async || world.authenticate(&token()).await.is_ok()).await;
    world.provider.go_down();
    until(async || world.authenticate(&token()).await == Err(AuthnFault::Unavailable)).await;
    world.provider.rotate(&[TestKey::rsa()]);
    until(async || world.authenticate(&token()).await.is_ok()).await;
}

#[tokio::test]
async fn without_keys_a_token_is_neither_good_nor_bad() {
    let world = World::with(&[TestKey::rsa()], patient()).await;
    world.provider.go_down();
    for _ in 0..20 {
        let fault = world.authenticate(&token()).await.unwrap_err();
        assert_eq!(
            (fault.reason(), fault.http_status().as_u16()),
            ("issuer_unavailable", 503)
        );
    }
    assert_eq!(world.provider.requests(), 1);
}

#[tokio::test]
async fn an_issuer_that_comes_back_is_asked_again_after_the_pause() {
    let times = KeyTimes {
        first_pause: Duration::from_millis(20),
        ..patient()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    world.provider.go_down();
    assert_eq!(world.authenticate(&token()).await, Err(AuthnFault::Unavailable));
    world.provider.rotate(&[TestKey::rsa()]);
    until(async || world.authenticate(&token()).await.is_ok()).await;
    assert_eq!(world.provider.requests(), 2);
}

#[tokio::test]
async fn a_set_without_usable_keys_does_not_replace_one_with() {
    let times = KeyTimes {
        renew_after: Duration::ZERO,
        first_pause: Duration::ZERO,
        ..patient()
    };
    let world = World::with(&[TestKey::rsa()], times).await;
    assert!(world.authenticate(&token()).await.is_ok());
    world.provider.rotate(&[]);
    until(async || {
        world.authenticate(&token()).await.unwrap();
        world.provider.requests() > 3
    })
    .await;
}

#[tokio::test]
async fn keys_are_fetched_from_no_forbidden_address() {
    let mut world = World::with(&[TestKey::rsa()], patient()).await;
    world.change_settings(Settings::default());
    assert_eq!(world.authenticate(&token()).await, Err(AuthnFault::Unavailable));
    assert_eq!(world.provider.requests(), 0);
}

#[tokio::test]
async fn an_issuer_that_is_trusted_anew_starts_anew() {
    let mut world = World::with(&[TestKey::rsa()], patient()).await;
    let other = Issuer {
        name: "other".parse().unwrap(),
        urls: vec!["https://other.example".to_owned()],
        ..world.issuer()
    };
    let token_of_other =
        || TestKey::rsa().sign(&super::support::with(v2(), "iss", "https://other.example".into()));
    world.trust(other);
    assert!(world.authenticate(&token()).await.is_ok());
    world.distrust();
    assert!(world.authenticate(&token_of_other()).await.is_ok());
    world.trust(world.issuer());
    world.provider.rotate(&[TestKey::other_rsa()]);
    assert_eq!(
        world.authenticate(&token()).await,
        Err(AuthnFault::Token(TokenFault::UnknownKey))
    );
}
