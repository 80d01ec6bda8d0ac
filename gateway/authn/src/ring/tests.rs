use onedoor_connect::Roots;

use super::*;
use crate::tests::{
    provider::Provider,
    support::{TestKey, in_time, issuer},
};

/// Who has read what was held before a fetch, and comes to ask for one after it, has come too late to need it.
#[tokio::test]
async fn what_has_just_been_fetched_is_not_fetched_again() {
    let provider = Provider::start(&[TestKey::rsa()]).await;
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    let rings = KeyRings::new(connector, KeyTimes::default());
    let issuer = Issuer {
        jwks_uri: provider.jwks_uri(),
        ..issuer()
    };
    let ring = rings.of(&issuer, &Snapshot::default());
    let internal_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let settings = Arc::new(Settings {
        internal_networks,
        ..Settings::default()
    });

    let before = ring.held.load_full();
    let after = in_time(ring.renewed(&before, &settings)).await;
    assert!(ring.renew(&before, &settings).is_none());
    assert!(Arc::ptr_eq(
        &in_time(ring.renewed(&before, &settings)).await,
        &after
    ));
    assert_eq!(provider.requests(), 1);
    in_time(ring.renewed(&after, &settings)).await;
    assert_eq!(provider.requests(), 2);
}
