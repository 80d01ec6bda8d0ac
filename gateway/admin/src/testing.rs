//! Values for tests.

use std::collections::BTreeSet;

use jiff::Timestamp;
use onedoor_model::{ids, principal::Principal};

/// A user with these roles.
pub(crate) fn principal(roles: &[&str]) -> Principal {
    Principal {
        issuer: ids::IssuerName::new("corp").unwrap(),
        tenant: ids::TenantId::new("t1").unwrap(),
        user: Some(ids::UserId::new("u1").unwrap()),
        display_name: None,
        client: ids::ClientId::new("cli").unwrap(),
        groups: BTreeSet::new(),
        roles: roles
            .iter()
            .map(|role| ids::AppRole::new(*role).unwrap())
            .collect(),
        scopes: BTreeSet::new(),
        token_id: "token".to_owned(),
        issued_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::MAX,
    }
}
