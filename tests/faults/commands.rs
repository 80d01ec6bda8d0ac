//! Commands through any replica: the first in the log's order wins, everywhere.

use futures_util::future::join_all;
use onedoor_tests::{
    admin::Reply,
    cluster::{Cluster, SLUG},
};
use reqwest::Method;

use crate::{
    boot::known,
    freshness::{REPLICAS, three_replicas},
};

/// What all replicas and the projection must agree on.
const READS: [&str; 7] = [
    "/servers",
    "/servers/edge",
    "/servers/edge/history?limit=1000",
    "/grants",
    "/issuers",
    "/blocks",
    "/settings",
];

#[tokio::test]
async fn of_fifty_at_one_version_exactly_one_applies() {
    const COMMANDS: usize = 50;
    let mut cluster = three_replicas().await;
    let version = cluster.admin(0).version(SLUG).await;
    let mut manifest = cluster.upstream.manifest(SLUG);
    let updates = (0..COMMANDS).map(|number| {
        manifest.version = format!("2.0.{number}");
        let admin = cluster.admin(number % REPLICAS);
        let update = admin
            .request(Method::PUT, &format!("/servers/{SLUG}"))
            .header("If-Match", &version)
            .body(manifest.to_string());
        Reply::of(update)
    });
    let replies = join_all(updates).await;
    let of_status = |status| replies.iter().filter(|reply| reply.status == status).count();
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(
        (of_status(200), of_status(409)),
        (1, COMMANDS - 1),
        "{statuses:?}"
    );

    // Whoever lost is told by what, and that is the same everywhere.
    let winner = replies.iter().position(|reply| reply.status == 200).unwrap();
    let revision = &replies[winner].headers["onedoor-revision"];
    for lost in replies.iter().filter(|reply| reply.status == 409) {
        assert_eq!(lost.body["reason"], "version_passed", "{}", lost.body);
        assert_eq!(
            lost.body["won"]["revision"].to_string(),
            revision.to_str().unwrap()
        );
    }

    cluster.agreed().await;
    let live = told(&cluster).await;
    assert!(live.windows(2).all(|pair| pair[0] == pair[1]), "{live:#?}");
    let applied = (0..COMMANDS).filter(|number| live[0][1].contains(&format!("\"2.0.{number}\"")));
    assert_eq!(applied.collect::<Vec<_>>(), [winner]);
    cluster.projectors[0].rebuild().await;
    assert_eq!(told(&cluster).await, live);
    // And one that begins with what was rebuilt.
    cluster.gateways[0].process.stop_and_restart().await;
    cluster.ready().await;
    assert!(known(&cluster.gateways[0].process.log()) > 0);
    assert_eq!(told(&cluster).await, live);
}

/// What each replica tells, byte for byte, once the projection behind it has caught up.
pub(crate) async fn told(cluster: &Cluster) -> Vec<Vec<String>> {
    let revision = cluster.end_of_registry().await - 1;
    let replicas = (0..cluster.gateways.len()).map(async |gateway| {
        let admin = cluster.admin(gateway);
        let reads = READS.map(async |path| {
            let mark = if path.contains('?') { '&' } else { '?' };
            let path = format!("{path}{mark}at_least={revision}");
            let answer = admin.request(Method::GET, &path).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.text().await.unwrap()
        });
        join_all(reads).await
    });
    join_all(replicas).await
}
