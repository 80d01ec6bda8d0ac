//! Where an exchange is asked for, and for which scope. Pure.

use onedoor_model::{
    ids::{Scope, TenantId},
    manifest::Audience,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Host, Url};

use crate::NotSetUp;

/// What stands for the caller's tenant in a token endpoint.
const TENANT: &str = "{tenantid}";

/// All but the unreserved characters (RFC 3986 §2.3): a tenant's name stays one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The token endpoint of a caller's tenant. Token A and the gateway's secret go there: over TLS, or not beyond this machine.
pub(super) fn endpoint(template: &str, tenant: &TenantId) -> Result<Url, NotSetUp> {
    let tenant = utf8_percent_encode(tenant.as_str(), SEGMENT).to_string();
    Url::parse(&template.replace(TENANT, &tenant))
        .ok()
        .filter(|url| url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(url)))
        .ok_or(NotSetUp::Endpoint)
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The scope as Entra wants it: `<the tool's application id or URI>/<permission>`, such as `api://finance/finance.read`; `.default`
/// asks for all that was consented to. A scope with a `/` is taken to be written in full, as of a resource whose tokens have another
/// audience than the name it is asked for by.
pub(super) fn scope(audience: &Audience, required: &Scope) -> String {
    let required = required.as_str();
    if required.contains('/') {
        required.to_owned()
    } else {
        format!("{}/{required}", audience.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(template: &str, tenant: &str) -> Option<String> {
        let url = endpoint(template, &tenant.parse().unwrap());
        url.ok().map(String::from)
    }

    #[test]
    fn the_tenant_is_one_segment_of_the_path() {
        let entra = "https://login.microsoftonline.com/{tenantid}/oauth2/v2.0/token";
        for (tenant, path) in [
            ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
            ("6f1d3c52-94ab", "6f1d3c52-94ab"),
            ("a/b?c#d%", "a%2Fb%3Fc%23d%25"),
            ("ä", "%C3%A4"),
        ] {
            let expected = format!("https://login.microsoftonline.com/{path}/oauth2/v2.0/token");
            assert_eq!(at(entra, tenant), Some(expected));
        }
        assert_eq!(
            at("https://idp.example/token", "t").as_deref(),
            Some("https://idp.example/token")
        );
    }

    #[test]
    fn secrets_go_over_tls_or_not_beyond_this_machine() {
        for (template, good) in [
            ("http://127.0.0.1:8082/{tenantid}/token", true),
            ("http://localhost/token", true),
            ("http://[::1]/token", true),
            ("http://idp.example/token", false),
            ("http://10.0.0.1/token", false),
            ("http://localhost.example/token", false),
            ("ftp://localhost/token", false),
            ("token", false),
        ] {
            assert_eq!(at(template, "t").is_some(), good, "{template}");
        }
    }

    #[test]
    fn a_scope_names_its_resource() {
        for (audience, required, scope) in [
            ("api://finance", "finance.read", "api://finance/finance.read"),
            ("api://finance/", "finance.read", "api://finance/finance.read"),
            ("api://finance", ".default", "api://finance/.default"),
            (
                "0d5a9b3e-7f41-4c68-a2e9-d6b8301c5f74",
                "finance.read",
                "0d5a9b3e-7f41-4c68-a2e9-d6b8301c5f74/finance.read",
            ),
            (
                "0d5a9b3e-7f41-4c68-a2e9-d6b8301c5f74",
                "api://finance/finance.read",
                "api://finance/finance.read",
            ),
        ] {
            let audience = serde_json::from_value(audience.into()).unwrap();
            assert_eq!(super::scope(&audience, &required.parse().unwrap()), scope);
        }
    }
}
