//! The cache over time, with exchanges that a test brings about.

use std::{
    future::pending,
    sync::{LazyLock, atomic::AtomicUsize},
};

use http::StatusCode;
use jiff::Timestamp;
use onedoor_model::{decide::CallPermit, ids::Offset};
use onedoor_wire::bearer::BearerToken;
use tokio::sync::Notify;

use super::*;
use crate::{
    ProviderRefusal,
    world::{NOW, World},
};

/// A cache, and an identity provider that counts.
#[derive(Clone, Default)]
struct Scene {
    cache: Cache,
    asked: Arc<AtomicUsize>,
}

impl Scene {
    /// Gets the token of `key`; an exchange brings `answer`, now or once it is let go.
    async fn get(
        &self,
        key: Key,
        second: i64,
        answer: Answer,
        gate: Option<&Arc<Notify>>,
    ) -> Result<String, NoTokenB> {
        let (asked, gate) = (Arc::clone(&self.asked), gate.cloned());
        let exchange = |_| async move {
            asked.fetch_add(1, Ordering::Relaxed);
            if let Some(gate) = gate {
                gate.notified().await;
            }
            answer
        };
        let token = self.cache.get(key, at(second), exchange).await?;
        Ok(token.into_header().to_str().unwrap().to_owned())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    async fn asked_for(&self, times: usize) {
        eventually(|| self.asked() == times).await;
    }
}

type Answer = Result<Obtained, NoTokenB>;

async fn eventually(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .unwrap();
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(NOW + second).unwrap()
}

/// A token that lives from 0 to 600; Token A to 3600.
fn token(text: &str) -> Answer {
    Ok(Obtained {
        token: TokenB::bearer(text).unwrap(),
        at: at(0),
        expires: at(600),
        token_a_expires: at(3_600),
    })
}

fn refusal() -> ProviderRefusal {
    ProviderRefusal {
        status: StatusCode::BAD_REQUEST,
        code: None,
        correlation: None,
    }
}

fn key(epoch: u64) -> Key {
    static KEYS: LazyLock<(Keys, CallPermit)> =
        LazyLock::new(|| (Keys::random().unwrap(), World::default().permit()));
    let (keys, permit) = &*KEYS;
    let token_a = BearerToken::parse(b"a").unwrap();
    keys.key(&Subject::of(token_a, Offset(epoch), permit.entitlement()))
}

#[tokio::test]
async fn a_token_is_asked_for_once_while_it_is_good() {
    let scene = Scene::default();
    for second in [0, 1, 300] {
        let got = scene.get(key(0), second, token("one"), None).await;
        assert_eq!(got.unwrap(), "Bearer one");
    }
    assert_eq!(scene.asked(), 1);
    assert_eq!(scene.cache.counts(), CacheCounts { hits: 2, misses: 1 });
    let got = scene.get(key(0), 3_700, token("two"), None).await;
    assert_eq!(got.unwrap(), "Bearer two", "what has ended is not given out");
}

#[tokio::test]
async fn a_token_about_to_end_serves_while_it_is_renewed() {
    let scene = Scene::default();
    scene.get(key(0), 0, token("old"), None).await.unwrap();
    let gate = Arc::new(Notify::new());
    for second in [500, 500, 510] {
        let got = scene.get(key(0), second, token("new"), Some(&gate)).await;
        assert_eq!(got.unwrap(), "Bearer old");
    }
    scene.asked_for(2).await;
    gate.notify_one();
    eventually(|| scene.cache.0.flights.lock().is_empty()).await;
    let got = scene.get(key(0), 510, token("unasked"), None).await;
    assert_eq!(got.unwrap(), "Bearer new");
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn a_renewal_that_fails_leaves_the_old_token_unless_it_was_taken_back() {
    let unavailable = || Err(NoTokenB::from(Unavailable::Busy));
    let taken_back = || Err(NoTokenB::TokenARejected(refusal()));
    let answers: [(fn() -> Answer, bool); 2] = [(unavailable, true), (taken_back, false)];
    for (answer, old_serves) in answers {
        let scene = Scene::default();
        scene.get(key(0), 0, token("old"), None).await.unwrap();
        scene.get(key(0), 500, answer(), None).await.unwrap();
        scene.asked_for(2).await;
        eventually(|| scene.cache.0.flights.lock().is_empty()).await;
        let next = scene.get(key(0), 501, answer(), None).await;
        assert_eq!(next.is_ok(), old_serves, "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callers_make_one_exchange() {
    let (scene, gate) = (Scene::default(), Arc::new(Notify::new()));
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (scene, gate) = (scene.clone(), Arc::clone(&gate));
            tokio::spawn(async move { scene.get(key(0), 0, token("one"), Some(&gate)).await })
        })
        .collect();
    scene.asked_for(1).await;
    gate.notify_one();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "Bearer one");
    }
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn an_exchange_goes_on_without_the_one_who_began_it() {
    let (scene, gate) = (Scene::default(), Arc::new(Notify::new()));
    let leader = {
        let (scene, gate) = (scene.clone(), Arc::clone(&gate));
        tokio::spawn(async move { scene.get(key(0), 0, token("one"), Some(&gate)).await })
    };
    scene.asked_for(1).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    gate.notify_one();
    let got = scene.get(key(0), 0, token("two"), None).await;
    assert_eq!(got.unwrap(), "Bearer one");
    assert_eq!(scene.asked(), 1);
}

#[tokio::test]
async fn what_belongs_to_an_old_epoch_is_out_of_reach_even_when_it_comes_late() {
    let (scene, gate) = (Scene::default(), Arc::new(Notify::new()));
    let before = {
        let (scene, gate) = (scene.clone(), Arc::clone(&gate));
        tokio::spawn(async move { scene.get(key(0), 0, token("old"), Some(&gate)).await })
    };
    scene.asked_for(1).await;
    let after = scene.get(key(1), 0, token("new"), None).await;
    assert_eq!(after.unwrap(), "Bearer new", "no flight is shared over a block");
    gate.notify_one();
    before.await.unwrap().unwrap();
    let again = scene.get(key(1), 1, token("unasked"), None).await;
    assert_eq!(again.unwrap(), "Bearer new");
    assert_eq!(scene.asked(), 2);
}

#[tokio::test]
async fn only_a_refusal_that_will_not_pass_is_remembered() {
    let throttled = |retry_after| Unavailable::Said {
        refusal: refusal(),
        retry_after,
    };
    let table = [
        (NoTokenB::ExchangeRefused(refusal()), true),
        (NoTokenB::ConsentRequired(refusal()), true),
        (throttled(Some(Duration::from_secs(60))).into(), true),
        (throttled(None).into(), false),
        (NoTokenB::TokenARejected(refusal()), false),
        (
            NoTokenB::InteractionRequired {
                refusal: refusal(),
                claims: None,
            },
            false,
        ),
    ];
    for (failure, remembered) in table {
        let scene = Scene::default();
        for _ in 0..3 {
            scene
                .get(key(0), 0, Err(failure.clone()), None)
                .await
                .unwrap_err();
        }
        assert_eq!(scene.asked(), if remembered { 1 } else { 3 }, "{failure}");
        assert!(
            scene.get(key(1), 0, token("one"), None).await.is_ok(),
            "another key is another matter"
        );
    }
}

#[tokio::test]
async fn exchanges_under_way_are_bounded() {
    let scene = Scene::default();
    for epoch in 0..MOST_FLIGHTS as u64 {
        let never = || pending::<Answer>();
        let flight = scene
            .cache
            .start(&mut scene.cache.0.flights.lock(), key(epoch), at(0), never());
        assert!(flight.is_ok());
    }
    let one_more = scene.get(key(u64::MAX), 0, token("one"), None).await;
    assert!(matches!(
        one_more,
        Err(NoTokenB::ExchangeUnavailable(Unavailable::Busy))
    ));
}
