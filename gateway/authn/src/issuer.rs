//! Which trusted issuer a token is of, and which tenant of it. Pure.

use std::sync::Arc;

use onedoor_model::{ids::TenantId, registry::Issuer};

use crate::TokenFault;

/// Stands for the token's `tid` in an issuer's URL.
const TENANT: &str = "{tenantid}";

/// The one issuer that `iss` and `tid` fit. Before the signature is verified, this only says whose keys to try.
pub(crate) fn issuer_of<'a>(
    issuers: impl Iterator<Item = &'a Arc<Issuer>>,
    iss: &str,
    tid: Option<&str>,
) -> Result<&'a Arc<Issuer>, TokenFault> {
    let mut found = Err(TokenFault::UntrustedIssuer);
    for issuer in issuers {
        match (tenant_of(issuer, iss, tid), &found) {
            (Ok(_), Ok(_)) => return Err(TokenFault::AmbiguousIssuer),
            (Ok(_), Err(_)) => found = Ok(issuer),
            // That there is an issuer, but not for this tenant, is the better answer.
            (Err(TokenFault::TenantNotAccepted), Err(_)) => found = Err(TokenFault::TenantNotAccepted),
            (Err(_), _) => {}
        }
    }
    found
}

/// The tenant a token of this issuer is of.
///
/// A token without `tid` is of the issuer's only tenant; where it has several, it could be of any, and is refused.
pub(crate) fn tenant_of(issuer: &Issuer, iss: &str, tid: Option<&str>) -> Result<TenantId, TokenFault> {
    if !issuer.urls.iter().any(|url| is_url_of(url, iss, tid)) {
        return Err(TokenFault::UntrustedIssuer);
    }
    let tenant = match tid {
        Some(tid) => issuer.tenants.get(tid),
        None if issuer.tenants.len() == 1 => issuer.tenants.first(),
        None => None,
    };
    tenant.cloned().ok_or(TokenFault::TenantNotAccepted)
}

/// Exact: no two spellings of a URL are the same issuer (RFC 8414 §3.3).
fn is_url_of(url: &str, iss: &str, tid: Option<&str>) -> bool {
    if url.contains(TENANT) {
        tid.is_some_and(|tid| url.replace(TENANT, tid) == iss)
    } else {
        url == iss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::issuer;

    const V1: &str = "https://sts.example/{tenantid}/";
    const FIXED: &str = "https://keycloak.example/realms/one";

    fn named(name: &str, urls: &[&str], tenants: &[&str]) -> Arc<Issuer> {
        let mut issuer = issuer();
        issuer.name = name.parse().unwrap();
        issuer.urls = urls.iter().map(ToString::to_string).collect();
        issuer.tenants = tenants.iter().map(|tenant| tenant.parse().unwrap()).collect();
        Arc::new(issuer)
    }

    #[test]
    fn a_tenant_is_told_by_iss_and_tid() {
        let both = named("both", &[V1, FIXED], &["a", "b"]);
        let single = named("single", &[FIXED], &["only"]);
        for (issuer, iss, tid, expected) in [
            (&both, "https://sts.example/a/", Some("a"), Ok("a")),
            (&both, "https://sts.example/b/", Some("b"), Ok("b")),
            (&both, FIXED, Some("a"), Ok("a")),
            (&single, FIXED, None, Ok("only")),
            (&single, FIXED, Some("only"), Ok("only")),
            (
                &both,
                "https://sts.example/c/",
                Some("c"),
                Err(TokenFault::TenantNotAccepted),
            ),
            (&both, FIXED, Some("c"), Err(TokenFault::TenantNotAccepted)),
            (&both, FIXED, None, Err(TokenFault::TenantNotAccepted)),
            (&single, FIXED, Some("other"), Err(TokenFault::TenantNotAccepted)),
            (
                &both,
                "https://sts.example/a/",
                Some("b"),
                Err(TokenFault::UntrustedIssuer),
            ),
            (
                &both,
                "https://sts.example/a/",
                None,
                Err(TokenFault::UntrustedIssuer),
            ),
            (&both, V1, None, Err(TokenFault::UntrustedIssuer)),
            (
                &both,
                "https://sts.example/a",
                Some("a"),
                Err(TokenFault::UntrustedIssuer),
            ),
            (
                &both,
                "https://STS.example/a/",
                Some("a"),
                Err(TokenFault::UntrustedIssuer),
            ),
            (
                &both,
                "https://sts.example/A/",
                Some("a"),
                Err(TokenFault::UntrustedIssuer),
            ),
            (
                &single,
                "https://keycloak.example/realms/one/",
                None,
                Err(TokenFault::UntrustedIssuer),
            ),
            (&single, "", None, Err(TokenFault::UntrustedIssuer)),
        ] {
            let told = tenant_of(issuer, iss, tid);
            assert_eq!(
                told.as_ref().map(TenantId::as_str),
                expected.as_ref().map(|tenant| *tenant),
                "{iss} {tid:?}"
            );
        }
    }

    /// A `tid` that spells out the template must not pass for one of the tenants.
    #[test]
    fn the_placeholder_is_no_tenant() {
        let issuer = named("i", &[V1], &["a"]);
        assert_eq!(
            tenant_of(&issuer, V1, Some(TENANT)),
            Err(TokenFault::TenantNotAccepted)
        );
    }

    #[test]
    fn issuers_that_share_a_url_are_told_apart_by_their_tenants() {
        let issuers = [
            named("one", &[V1], &["a"]),
            named("two", &[V1], &["b"]),
            named("three", &[FIXED], &["c"]),
        ];
        let told = |iss: &str, tid| {
            issuer_of(issuers.iter(), iss, tid).map(|issuer| issuer.name.as_str().to_owned())
        };
        assert_eq!(told("https://sts.example/a/", Some("a")), Ok("one".to_owned()));
        assert_eq!(told("https://sts.example/b/", Some("b")), Ok("two".to_owned()));
        assert_eq!(
            told("https://sts.example/x/", Some("x")),
            Err(TokenFault::TenantNotAccepted)
        );
        assert_eq!(
            told("https://elsewhere.example/", Some("a")),
            Err(TokenFault::UntrustedIssuer)
        );
        let twice = [named("one", &[V1], &["a"]), named("two", &[V1], &["a", "b"])];
        let told = issuer_of(twice.iter(), "https://sts.example/a/", Some("a"));
        assert_eq!(told.unwrap_err(), TokenFault::AmbiguousIssuer);
        assert!(issuer_of(twice.iter(), "https://sts.example/b/", Some("b")).is_ok());
    }
}
