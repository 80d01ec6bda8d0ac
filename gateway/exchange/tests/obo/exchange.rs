//! With the development identity provider.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use onedoor_demo::idp::directory::{ANALYST, GATEWAY, HR_API, MANAGER, MIA, OSCAR, TENANT_ID};
use onedoor_exchange::{NoTokenB, NotSetUp, ProviderRefusal, TokenB};
use onedoor_model::{audit::NotDispatchedReason, registry::ClientCredential};
use serde_json::Value;

use crate::{scene::Scene, world::World};

fn text(token: TokenB) -> String {
    token.into_header().to_str().unwrap().to_owned()
}

fn claims(token: TokenB) -> Value {
    let text = text(token);
    let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

#[tokio::test]
async fn token_a_is_exchanged_once_for_the_tools_token() {
    let scene = Scene::with_the_development_provider().await;
    let (world, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    let first = scene.obtain(&world, &token_a).await.unwrap();
    let again = scene.obtain(&world, &token_a).await.unwrap();
    assert_eq!(text(first), text(again.clone()));
    assert_eq!(scene.gate.asked(), 1);
    let claims = claims(again);
    for (name, value) in [
        ("aud", "api://finance"),
        ("scp", "finance.read"),
        ("oid", &ANALYST.object_id.to_string()),
        ("tid", &TENANT_ID.to_string()),
        ("appid", &GATEWAY.client_id.to_string()),
    ] {
        assert_eq!(claims[name], value, "{claims}");
    }
}

#[tokio::test]
async fn another_tool_and_another_user_have_tokens_of_their_own() {
    let scene = Scene::with_the_development_provider().await;
    let (ana, max) = (scene.token_a(&ANALYST).await, scene.token_a(&MANAGER).await);
    let finance = scene.call_by_analyst();
    let hr = World {
        audience: HR_API.app_id_uri,
        scope: ".default",
        ..finance.clone()
    };
    for (world, token_a) in [(&finance, &ana), (&hr, &ana), (&scene.world(&MANAGER), &max)] {
        let claims = claims(scene.obtain(world, token_a).await.unwrap());
        assert_eq!(claims["aud"], world.audience);
        assert_eq!(claims["oid"], *world.user.as_ref().unwrap());
    }
    assert_eq!(scene.gate.asked(), 3);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_while_the_old_one_serves() {
    let scene = Scene::with_the_development_provider().await;
    let (world, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    let old = text(scene.obtain(&world, &token_a).await.unwrap());
    let later = Timestamp::now() + SignedDuration::from_mins(70);
    scene.gate.close();
    for _ in 0..3 {
        let served = scene.obtain_at(&world, &token_a, later).await.unwrap();
        assert_eq!(text(served), old);
    }
    scene.gate.asked_for(2).await;
    scene.gate.open();
    crate::scene::in_time(async {
        while text(scene.obtain_at(&world, &token_a, later).await.unwrap()) == old {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(scene.gate.asked(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_calls_at_once_are_one_request() {
    let scene = Arc::new(Scene::with_the_development_provider().await);
    let (world, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    scene.gate.close();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (scene, world, token_a) = (Arc::clone(&scene), world.clone(), token_a.clone());
            tokio::spawn(async move { scene.obtain(&world, &token_a).await })
        })
        .collect();
    scene.gate.asked_for(1).await;
    scene.gate.open();
    let mut tokens = Vec::new();
    for call in calls {
        tokens.push(text(call.await.unwrap().unwrap()));
    }
    tokens.dedup();
    assert_eq!((tokens.len(), scene.gate.asked()), (1, 1));
}

#[tokio::test]
async fn an_exchange_survives_the_call_that_began_it() {
    let scene = Arc::new(Scene::with_the_development_provider().await);
    let (world, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    scene.gate.close();
    let leader = {
        let (scene, world, token_a) = (Arc::clone(&scene), world.clone(), token_a.clone());
        tokio::spawn(async move { scene.obtain(&world, &token_a).await.map(text) })
    };
    scene.gate.asked_for(1).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    scene.gate.open();
    scene.obtain(&world, &token_a).await.unwrap();
    assert_eq!(scene.gate.asked(), 1);
}

#[tokio::test]
async fn a_block_puts_what_was_obtained_before_out_of_reach() {
    let scene = Scene::with_the_development_provider().await;
    let (before, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    let after = World {
        was_blocked: true,
        ..before.clone()
    };
    let old = text(scene.obtain(&before, &token_a).await.unwrap());
    let new = text(scene.obtain(&after, &token_a).await.unwrap());
    assert_ne!(old, new);
    assert_eq!(scene.gate.asked(), 2);
    assert_eq!(text(scene.obtain(&after, &token_a).await.unwrap()), new);
    assert_eq!(scene.gate.asked(), 2);
}

#[tokio::test]
async fn a_wrong_secret_is_the_operators_fault_and_not_tried_with_every_call() {
    let scene = Scene::with_the_development_provider().await;
    let (world, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    scene.write("secret", "wrong\n");
    for _ in 0..3 {
        let refused = scene.obtain(&world, &token_a).await.unwrap_err();
        assert!(
            matches!(
                refused,
                NoTokenB::ExchangeRefused(ProviderRefusal {
                    code: Some(7_000_215),
                    correlation: Some(_),
                    ..
                })
            ),
            "{refused:?}"
        );
        assert_eq!(refused.not_dispatched(), NotDispatchedReason::ExchangeRefused);
    }
    assert_eq!(scene.gate.asked(), 1);
}

#[tokio::test]
async fn consent_that_is_missing_is_told_from_a_sign_in_that_is_not_enough() {
    let scene = Scene::with_the_development_provider().await;
    let token_a = scene.token_a(&OSCAR).await;
    let refused = scene.obtain(&scene.world(&OSCAR), &token_a).await.unwrap_err();
    assert!(matches!(refused, NoTokenB::ConsentRequired(_)), "{refused:?}");

    let token_a = scene.token_a(&MIA).await;
    let refused = scene.obtain(&scene.world(&MIA), &token_a).await.unwrap_err();
    let NoTokenB::InteractionRequired {
        claims: Some(claims), ..
    } = &refused
    else {
        panic!("{refused:?}");
    };
    let claims: Value = serde_json::from_str(claims).unwrap();
    assert!(claims["access_token"]["polids"]["essential"].as_bool().unwrap());
    assert_eq!(scene.gate.asked(), 2);
    scene.obtain(&scene.world(&MIA), &token_a).await.unwrap_err();
    assert_eq!(scene.gate.asked(), 3, "she may have signed in again by now");
}

#[tokio::test]
async fn a_token_a_that_has_ended_there_is_the_callers_to_renew() {
    let scene = Scene::with_tokens_for(SignedDuration::ZERO).await;
    let (world, token_a) = (scene.call_by_analyst(), scene.token_a(&ANALYST).await);
    let refused = scene.obtain(&world, &token_a).await.unwrap_err();
    assert!(
        matches!(
            refused,
            NoTokenB::TokenARejected(ProviderRefusal {
                code: Some(500_133),
                ..
            })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn nothing_is_asked_for_that_cannot_be_had() {
    let scene = Scene::with_the_development_provider().await;
    let token_a = scene.token_a(&ANALYST).await;
    let call = || scene.call_by_analyst();
    let with_endpoint = |endpoint: &str| {
        let mut client = call().client.unwrap();
        client.token_endpoint = endpoint.to_owned();
        World {
            client: Some(client),
            ..call()
        }
    };
    let mut no_secret = call();
    no_secret.client.as_mut().unwrap().credential =
        ClientCredential::Secret("env:ONEDOOR_HAS_NO_SUCH_SECRET".parse().unwrap());
    type Expected = fn(&NoTokenB) -> bool;
    let cases: [(World, Expected); 6] = [
        (World { user: None, ..call() }, |e| matches!(e, NoTokenB::NoUser)),
        (World { expires: 0, ..call() }, |e| matches!(e, NoTokenB::Expired)),
        (
            World {
                client: None,
                ..call()
            },
            |e| matches!(e, NoTokenB::NotSetUp(NotSetUp::NoClient)),
        ),
        (with_endpoint("http://idp.example/token"), |e| {
            matches!(e, NoTokenB::NotSetUp(NotSetUp::Endpoint))
        }),
        (with_endpoint("https://192.168.0.1/token"), |e| {
            matches!(e, NoTokenB::NotSetUp(NotSetUp::Connection(_)))
        }),
        (no_secret, |e| {
            matches!(e, NoTokenB::NotSetUp(NotSetUp::Secret(_)))
        }),
    ];
    for (world, expected) in cases {
        let refused = scene.obtain(&world, &token_a).await.unwrap_err();
        assert!(expected(&refused), "{refused:?}");
        assert_eq!(refused.not_dispatched(), NotDispatchedReason::NoTokenB);
    }
    assert_eq!(scene.gate.asked(), 0);
    scene.obtain(&call(), &token_a).await.unwrap();
}

#[tokio::test]
async fn what_the_gateway_signs_needs_no_identity_provider() {
    let scene = Scene::with_the_development_provider().await;
    let world = World {
        strategy: "gateway-issued",
        ..scene.call_by_analyst()
    };
    let claims = claims(scene.obtain(&world, "whatever").await.unwrap());
    assert_eq!(claims["iss"], "https://door.example");
    assert_eq!(scene.gate.asked(), 0);
}
