//! What a token endpoint gave: is it the token that was asked for? Pure.

use jiff::{SignedDuration, Timestamp};
use onedoor_model::{
    ids::{TenantId, UserId},
    manifest::Audience,
};
use onedoor_wire::jwt;
use serde::Deserialize;

use crate::{NoTokenB, TokenB, UnusableAnswer, cache::Obtained};

/// Whose token, and for whom, is wanted.
pub(super) struct Wanted<'a> {
    pub(super) audience: &'a Audience,
    pub(super) tenant: &'a TenantId,
    pub(super) user: &'a UserId,
    pub(super) now: Timestamp,
}

/// RFC 6749 §5.1. Members that are not read here may be anything.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: String,
    /// Seconds from now.
    expires_in: u32,
}

/// Entra's access tokens ("Access token claims reference").
#[derive(Deserialize)]
struct Claims {
    aud: String,
    tid: String,
    oid: String,
    exp: i64,
}

/// The token, and when it ends: by what the answer says or by what it says itself, whichever comes first.
///
/// The signature is not checked: the token came from the provider itself, over TLS, and checking it is what the tool does.
pub(super) fn read(body: &[u8], wanted: &Wanted<'_>) -> Result<(TokenB, Timestamp), NoTokenB> {
    // What the parser would say of a body might repeat it.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| UnusableAnswer::NotAnAnswer)?;
    if !answer.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(UnusableAnswer::TokenType.into());
    }
    let expires = end(&answer.access_token, wanted)?;
    let announced = wanted
        .now
        .saturating_add(SignedDuration::from_secs(answer.expires_in.into()))
        .unwrap_or(Timestamp::MAX);
    let token = TokenB::bearer(&answer.access_token).ok_or(NoTokenB::Unsendable)?;
    Ok((token, expires.min(announced)))
}

/// Whether what another replica obtained is what would be asked for. That it stands under the right name, sealed, says that a replica put
/// it there; not that this one may pass it on.
pub(super) fn is_wanted(obtained: &Obtained, wanted: &Wanted<'_>) -> bool {
    let token = str::from_utf8(obtained.token.expose()).unwrap_or_default();
    end(token, wanted).is_ok_and(|end| obtained.expires <= end)
}

/// When the token itself says that it ends, which must be the one that is wanted.
fn end(token: &str, wanted: &Wanted<'_>) -> Result<Timestamp, UnusableAnswer> {
    let jwt = jwt::split(token).map_err(UnusableAnswer::NotAJwt)?;
    let claims = serde_json::from_slice(&jwt.payload).map_err(|_| UnusableAnswer::Claims)?;
    check(&claims, wanted)
}

/// A token for another audience would give the tool, or whoever it is for, what was never granted here.
fn check(claims: &Claims, wanted: &Wanted<'_>) -> Result<Timestamp, UnusableAnswer> {
    if claims.aud != wanted.audience.as_str() {
        return Err(UnusableAnswer::Audience);
    }
    if claims.tid != wanted.tenant.as_str() {
        return Err(UnusableAnswer::Tenant);
    }
    if claims.oid != wanted.user.as_str() {
        return Err(UnusableAnswer::User);
    }
    let expires = Timestamp::from_second(claims.exp).map_err(|_| UnusableAnswer::Claims)?;
    if expires <= wanted.now {
        return Err(UnusableAnswer::Expired);
    }
    Ok(expires)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn claims() -> Value {
        json!({ "aud": "api://finance", "tid": "t", "oid": "u", "exp": NOW + 600, "scp": "finance.read" })
    }

    fn jwt(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({ "alg": "RS256" })), part(claims))
    }

    fn answer(token: &str) -> Value {
        json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600, "ext_expires_in": 600 })
    }

    fn with_wanted<T>(judge: impl FnOnce(&Wanted<'_>) -> T) -> T {
        judge(&Wanted {
            audience: &serde_json::from_value("api://finance".into()).unwrap(),
            tenant: &"t".parse().unwrap(),
            user: &"u".parse().unwrap(),
            now: at(NOW),
        })
    }

    fn judged(body: &str) -> Result<(TokenB, i64), NoTokenB> {
        let read = with_wanted(|wanted| read(body.as_bytes(), wanted));
        read.map(|(token, expires)| (token, expires.as_second()))
    }

    /// Whether a token is taken from another replica that says it ends then.
    fn is_taken(token: &str, expires: i64) -> bool {
        let obtained = Obtained {
            token: TokenB::bearer(token).unwrap(),
            at: at(NOW - 60),
            expires: at(expires),
            token_a_expires: at(NOW + 3_600),
        };
        with_wanted(|wanted| is_wanted(&obtained, wanted))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_token_asked_for_is_taken_until_it_ends() {
        let token = jwt(&claims());
        for (expires_in, left) in [(600, 600), (60, 60), (3_600, 600)] {
            let mut body = answer(&token);
            body["expires_in"] = expires_in.into();
            let (given, expires) = judged(&body.to_string()).unwrap();
            assert_eq!(expires, NOW + left);
            assert_eq!(given.into_header(), format!("Bearer {token}"));
        }
        let mut lower = answer(&token);
        lower["token_type"] = "bearer".into();
        assert!(judged(&lower.to_string()).is_ok(), "RFC 6749 §5.1: in any case");
    }

    #[test]
    fn any_other_is_refused() {
        use UnusableAnswer::{Audience, Claims, Expired, Tenant, User};
        let without = |name: &str| {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            claims
        };
        for (claims, fault) in [
            (with("aud", json!("api://hr")), Audience),
            (with("aud", json!("API://finance")), Audience),
            (with("aud", json!(["api://finance", "api://hr"])), Claims),
            (without("aud"), Claims),
            (with("tid", json!("other")), Tenant),
            (without("tid"), Claims),
            (with("oid", json!("somebody")), User),
            (without("oid"), Claims),
            (with("exp", json!(NOW)), Expired),
            (with("exp", json!(i64::MAX)), Claims),
            (with("exp", json!("never")), Claims),
            (without("exp"), Claims),
        ] {
            let refused = judged(&answer(&jwt(&claims)).to_string());
            assert!(
                matches!(refused, Err(NoTokenB::Unusable(found)) if found == fault),
                "{claims}: {refused:?}"
            );
            assert!(!is_taken(&jwt(&claims), NOW), "{claims}");
        }
    }

    #[test]
    fn another_replicas_is_taken_until_it_ends_itself() {
        let token = jwt(&claims());
        for (expires, taken) in [(NOW + 60, true), (NOW + 600, true), (NOW + 601, false)] {
            assert_eq!(is_taken(&token, expires), taken, "{expires}");
        }
        assert!(!is_taken("opaque", NOW + 60));
    }

    #[test]
    fn an_answer_is_read_strictly() {
        let with = |name: &str, value: Value| {
            let mut body = answer(&jwt(&claims()));
            body[name] = value;
            body.to_string()
        };
        for body in [
            with("expires_in", json!("600")),
            with("expires_in", json!(-1)),
            with("expires_in", Value::Null),
            with("access_token", Value::Null),
            "{}".to_owned(),
            "[]".to_owned(),
            "<html>".to_owned(),
            String::new(),
        ] {
            let refused = judged(&body);
            assert!(
                matches!(refused, Err(NoTokenB::Unusable(UnusableAnswer::NotAnAnswer))),
                "{body}"
            );
        }
        let pop = judged(&with("token_type", json!("pop")));
        assert!(matches!(pop, Err(NoTokenB::Unusable(UnusableAnswer::TokenType))));
        for opaque in ["opaque", "a.b", "", "e30.e30."] {
            let refused = judged(&answer(opaque).to_string());
            assert!(
                matches!(refused, Err(NoTokenB::Unusable(UnusableAnswer::NotAJwt(_)))),
                "{opaque}"
            );
        }
    }
}
