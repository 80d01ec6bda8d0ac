//! Lists, queries, and reads at a revision.

use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{PATIENCE, World, grant};

/// Every page of a list, by what names its entries.
async fn pages(world: &World, path: &str, list: &str, name: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = world.admin("GET", &next).send().await.expect(StatusCode::OK);
        pages.push(
            page[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry[name].clone())
                .collect(),
        );
        let Some(cursor) = page["nextCursor"].as_str() else {
            return pages;
        };
        next = format!("{path}&cursor={cursor}");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    for slug in ["c", "a", "e", "b", "d"] {
        world.register(slug, "team-a").await;
        world
            .admin("POST", "/grants")
            .json(&grant(slug, slug))
            .send()
            .await
            .expect(StatusCode::CREATED);
    }
    let servers = pages(&world, "/servers?limit=2", "servers", "slug").await;
    assert_eq!(servers, [vec!["a", "b"], vec!["c", "d"], vec!["e"]]);
    // In the order in which they came.
    let grants = pages(&world, "/grants?limit=3", "grants", "group").await;
    assert_eq!(grants, [vec!["c", "a", "e"], vec!["b", "d"]]);
    let pending = pages(&world, "/servers?status=pending&limit=5", "servers", "slug").await;
    assert_eq!(pending, [vec!["a", "b", "c", "d", "e"]]);
    assert_eq!(
        pages(&world, "/servers?status=live&limit=5", "servers", "slug").await,
        [[] as [&str; 0]]
    );
}

#[tokio::test]
async fn a_server_that_comes_meanwhile_moves_nothing() {
    let world = World::new().await;
    for slug in ["b", "d", "f"] {
        world.register(slug, "team-a").await;
    }
    let first = world
        .admin("GET", "/servers?limit=2")
        .send()
        .await
        .expect(StatusCode::OK);
    world.register("a", "team-a").await;
    let path = format!(
        "/servers?limit=2&cursor={}",
        first["nextCursor"].as_str().unwrap()
    );
    let second = world.admin("GET", &path).send().await.expect(StatusCode::OK);
    assert_eq!(second["servers"][0]["slug"], "f");
    assert_eq!(second["nextCursor"], Value::Null);
}

#[tokio::test]
async fn queries_are_strict() {
    let world = World::new().await;
    world.register("a", "team-a").await;
    world.register("b", "team-a").await;
    let page = world
        .admin("GET", "/servers?limit=1")
        .send()
        .await
        .expect(StatusCode::OK);
    let of_servers = page["nextCursor"].as_str().unwrap();
    for (path, pointers) in [
        ("/servers?limit=0".to_owned(), vec!["?limit"]),
        ("/servers?limit=1001".to_owned(), vec!["?limit"]),
        ("/servers?limit=many".to_owned(), vec!["?limit"]),
        ("/servers?cursor=xyz".to_owned(), vec!["?cursor"]),
        (format!("/grants?cursor={of_servers}"), vec!["?cursor"]),
        (
            "/servers?status=open&limit=x".to_owned(),
            vec!["?limit", "?status"],
        ),
        ("/servers?limit=1&limit=2".to_owned(), vec!["?limit"]),
        ("/servers?at_least=soon".to_owned(), vec!["?at_least"]),
        ("/servers/a?verbose=1".to_owned(), vec!["?verbose"]),
        ("/grants?sever=a".to_owned(), vec!["?sever"]),
        ("/servers/a/history?cursor=xyz".to_owned(), vec!["?cursor"]),
        ("/audit/calls?cursor=xyz".to_owned(), vec!["?cursor"]),
        (
            "/audit/calls?since=yesterday&outcome=done".to_owned(),
            vec!["?outcome", "?since"],
        ),
    ] {
        let answer = world.admin("GET", &path).send().await;
        answer.problem(StatusCode::BAD_REQUEST, "request_invalid");
        let mut found = answer.pointers();
        found.sort();
        assert_eq!(found, pointers, "{path}");
    }
    let misspelt = world.admin("GET", "/grants?sever=a").send().await;
    assert_eq!(misspelt.value()["errors"][0]["hint"], "did you mean `server`?");
}

#[tokio::test]
async fn the_settings_say_how_long_pages_are() {
    let world = World::new().await;
    let version = world
        .admin("GET", "/settings")
        .send()
        .await
        .expect(StatusCode::OK)["version"]
        .as_u64()
        .unwrap();
    let body =
        serde_json::json!({ "limits": { "page": 1, "pageMax": 2 }, "internalNetworks": ["127.0.0.0/8"] });
    world
        .admin("PUT", "/settings")
        .if_match(version)
        .json(&body)
        .send()
        .await
        .expect(StatusCode::OK);
    for slug in ["a", "b", "c"] {
        world.register(slug, "team-a").await;
    }
    let length = async |path: &str| {
        let answer = world.admin("GET", path).send().await;
        answer.value()["servers"].as_array().map(Vec::len)
    };
    assert_eq!(length("/servers").await, Some(1));
    assert_eq!(length("/servers?limit=2").await, Some(2));
    assert_eq!(length("/servers?limit=3").await, None);
}

#[tokio::test]
async fn a_read_waits_for_its_revision() {
    let world = World::new().await;
    let next = world.revision().next();
    let path = format!("/servers/finance?at_least={next}");
    let read = world.admin("GET", &path).send();
    let write = async {
        // The read is asked first, and waits.
        tokio::task::yield_now().await;
        world.register("finance", "team-a").await
    };
    let (answer, version) = futures_util::join!(read, write);
    assert_eq!(answer.expect(StatusCode::OK)["version"], version);
}

#[tokio::test]
async fn a_revision_that_does_not_come_is_not_waited_for_forever() {
    let world = World::without_projector().await;
    world.register("finance", "team-a").await;
    let reached = world.revision();
    let beyond = reached.next();
    // The registry has it; the projection, from which histories and audits come, has not.
    world
        .admin("GET", &format!("/servers?at_least={reached}"))
        .send()
        .await
        .expect(StatusCode::OK);
    // All at once, as each is waited for.
    let (servers, history, calls) = futures_util::join!(
        world.admin("GET", &format!("/servers?at_least={beyond}")).send(),
        world
            .admin("GET", &format!("/servers/finance/history?at_least={reached}"))
            .send(),
        world
            .admin("GET", &format!("/audit/calls?at_least={reached}"))
            .send(),
    );
    for answer in [&servers, &history, &calls] {
        answer.problem(StatusCode::SERVICE_UNAVAILABLE, "behind");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(servers.value()["revision"], reached.0);
}

#[tokio::test]
async fn the_replicas_are_told_as_the_one_sees_them_that_answers() {
    let world = World::new().await;
    world.register("finance", "team-a").await;
    let disabled = world.admin("POST", "/servers/finance/disable").send().await;
    let revision = disabled.revision();
    let up_to_date = async {
        loop {
            let told = world
                .admin("GET", "/replicas")
                .send()
                .await
                .expect(StatusCode::OK);
            if told["replicas"][0]["revision"] == revision {
                break told;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, up_to_date).await.unwrap();
    assert_eq!(told["registryEnd"], revision + 1);
    assert_eq!(told["replicas"].as_array().unwrap().len(), 1);
    let replica = &told["replicas"][0];
    for (member, value) in [
        ("replica", json!("test")),
        ("answers", json!(true)),
        ("status", json!("serving")),
        ("lag", json!(0)),
        ("oldestHold", Value::Null),
    ] {
        assert_eq!(replica[member], value, "{member}: {told}");
    }
    let lease = replica["leaseMs"].as_u64().unwrap();
    assert!((1..=700).contains(&lease), "{told}");
}
