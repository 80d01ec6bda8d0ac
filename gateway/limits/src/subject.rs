//! What calls are counted for. Pure.

use onedoor_model::{
    audit::RateLimited,
    ids::ServerId,
    principal::Principal,
    registry::{RateLimit, RateLimits},
};

/// A user, a client app or a server, with the limit for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) by: RateLimited,
    pub(crate) limit: RateLimit,
    /// Tells it from all others of its kind.
    pub(crate) key: Vec<u8>,
}

/// All that a call is counted for. Who calls comes before what is called: where calls are counted one after the other, those that a
/// caller has no right to make do not use up the server's.
pub(crate) fn subjects(principal: &Principal, server: ServerId, limits: &RateLimits) -> Vec<Subject> {
    let Principal {
        issuer,
        tenant,
        user,
        client,
        ..
    } = principal;
    let caller = [issuer.as_str(), tenant.as_str()];
    let user = limits.per_user.zip(user.as_ref()).map(|(limit, user)| Subject {
        by: RateLimited::PerUser,
        limit,
        key: key(&[caller[0], caller[1], user.as_str()]),
    });
    let client = limits.per_client.map(|limit| Subject {
        by: RateLimited::PerClient,
        limit,
        key: key(&[caller[0], caller[1], client.as_str()]),
    });
    let server = limits.per_server.map(|limit| Subject {
        by: RateLimited::PerServer,
        limit,
        key: server.0.as_bytes().to_vec(),
    });
    [user, client, server].into_iter().flatten().collect()
}

/// Each part goes in with its length before it: no two lists of parts are the same bytes.
fn key(parts: &[&str]) -> Vec<u8> {
    parts
        .iter()
        .flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.bytes()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;

    fn principal(tenant: &str, user: Option<&str>, client: &str) -> Principal {
        Principal {
            issuer: "entra".parse().unwrap(),
            tenant: tenant.parse().unwrap(),
            user: user.map(|user| user.parse().unwrap()),
            display_name: None,
            client: client.parse().unwrap(),
            groups: BTreeSet::new(),
            roles: BTreeSet::new(),
            scopes: BTreeSet::new(),
            token_id: "id".to_owned(),
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::MAX,
        }
    }

    const LIMIT: RateLimit = RateLimit {
        per_minute: 60,
        burst: 5,
    };

    #[test]
    fn a_call_is_counted_for_what_is_limited() {
        let all = RateLimits {
            per_user: Some(LIMIT),
            per_client: Some(LIMIT),
            per_server: Some(LIMIT),
        };
        let server = ServerId(Uuid::from_u128(1));
        let counted = |user, limits: &RateLimits| -> Vec<_> {
            let subjects = subjects(&principal("t", user, "app"), server, limits);
            subjects.into_iter().map(|subject| subject.by).collect()
        };
        let [user, client, to] = [
            RateLimited::PerUser,
            RateLimited::PerClient,
            RateLimited::PerServer,
        ];
        assert_eq!(counted(Some("u"), &all), [user, client, to]);
        assert_eq!(
            counted(None, &all),
            [client, to],
            "an app on its own behalf is no user"
        );
        assert_eq!(counted(Some("u"), &RateLimits::default()), []);
        let only_servers = RateLimits {
            per_server: Some(LIMIT),
            ..RateLimits::default()
        };
        assert_eq!(counted(Some("u"), &only_servers), [to]);
    }

    #[test]
    fn no_two_users_share_a_key() {
        let limits = RateLimits {
            per_user: Some(LIMIT),
            ..RateLimits::default()
        };
        let key = |tenant, user, client| {
            let server = ServerId(Uuid::nil());
            subjects(&principal(tenant, Some(user), client), server, &limits)
                .remove(0)
                .key
        };
        let users = [("ab", "c"), ("a", "bc"), ("c", "ab"), ("abc", "abc")];
        let keys: HashSet<_> = users
            .iter()
            .map(|(tenant, user)| key(tenant, user, "app"))
            .collect();
        assert_eq!(keys.len(), users.len());
        assert_eq!(key("a", "b", "one-app"), key("a", "b", "another"));
    }
}
