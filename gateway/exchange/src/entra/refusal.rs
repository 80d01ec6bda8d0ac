//! What Entra's errors mean: one table, from an answer to the reason there is no Token B. Pure.
//!
//! Sources: RFC 6749 §5.2; Microsoft identity platform, "OAuth 2.0 On-Behalf-Of flow" and "Microsoft Entra authentication and
//! authorization error codes". `error_description` may name users: only the number in it is read.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use uuid::Uuid;

use crate::{NoTokenB, ProviderRefusal, Unavailable};

/// Longest wait that a provider is granted.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// A claims challenge is not longer, in bytes: it goes into a header.
const MAX_CLAIMS: usize = 4096;

/// An error answer. Every member may be missing: proxies and gateways on the way answer too.
#[derive(Default, Deserialize)]
struct ErrorBody {
    error: Option<String>,
    suberror: Option<String>,
    error_description: Option<String>,
    error_codes: Option<Vec<u32>>,
    correlation_id: Option<String>,
    claims: Option<String>,
}

/// See [`NoTokenB`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    TokenARejected,
    ConsentRequired,
    InteractionRequired,
    Unavailable,
    Refused,
}

/// Reads the answer to an exchange that was not granted.
pub(super) fn read(status: StatusCode, retry_after: Option<&HeaderValue>, body: &[u8]) -> NoTokenB {
    let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let codes = body.codes();
    let refusal = ProviderRefusal {
        status,
        code: codes.first().copied(),
        correlation: body
            .correlation_id
            .as_deref()
            .and_then(|id| Uuid::try_parse(id).ok()),
    };
    match meaning(status, &codes, &body) {
        Meaning::TokenARejected => NoTokenB::TokenARejected(refusal),
        Meaning::ConsentRequired => NoTokenB::ConsentRequired(refusal),
        Meaning::InteractionRequired => NoTokenB::InteractionRequired {
            refusal,
            claims: body.claims.filter(|claims| claims.len() <= MAX_CLAIMS),
        },
        Meaning::Unavailable => NoTokenB::ExchangeUnavailable(Unavailable::Said {
            refusal,
            retry_after: retry_after.and_then(seconds),
        }),
        Meaning::Refused => NoTokenB::ExchangeRefused(refusal),
    }
}

/// A claims challenge says what to do, a number what is wrong; names and status are what is left.
fn meaning(status: StatusCode, codes: &[u32], body: &ErrorBody) -> Meaning {
    if body.claims.is_some() {
        return Meaning::InteractionRequired;
    }
    codes
        .iter()
        .find_map(|code| by_code(*code))
        .or_else(|| by_name(body.suberror.as_deref()?))
        .or_else(|| by_name(body.error.as_deref()?))
        .or_else(|| by_status(status))
        .unwrap_or(Meaning::Refused)
}

/// By the number of an `AADSTS` error. Those that are not here are the operator's: wrong secret, unknown app, scope or resource.
fn by_code(code: u32) -> Option<Meaning> {
    Some(match code {
        // The assertion is invalid, not (or no longer) within its times, or its session was revoked.
        50013 | 50027 | 50132 | 50133 | 50173 | 500_133 => Meaning::TokenARejected,
        // No consent, or it was declined.
        65001 | 65004 => Meaning::ConsentRequired,
        // Multi-factor authentication, its enrolment or renewal, a managed device, conditional access, an external challenge.
        50072 | 50074 | 50076 | 50078 | 50079 | 50097 | 50158 | 53000..=53004 => Meaning::InteractionRequired,
        // Server error, transient error, throttled.
        90006 | 90033 | 50196 => Meaning::Unavailable,
        _ => return None,
    })
}

fn by_name(name: &str) -> Option<Meaning> {
    Some(match name {
        "interaction_required" | "login_required" => Meaning::InteractionRequired,
        "consent_required" => Meaning::ConsentRequired,
        "temporarily_unavailable" | "server_error" => Meaning::Unavailable,
        _ => return None,
    })
}

fn by_status(status: StatusCode) -> Option<Meaning> {
    (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS).then_some(Meaning::Unavailable)
}

/// RFC 9110 §10.2.3, as seconds; Entra sends no dates.
fn seconds(retry_after: &HeaderValue) -> Option<Duration> {
    let seconds = retry_after.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

impl ErrorBody {
    /// The numbers of the error: listed, or as the description begins with one.
    fn codes(&self) -> Vec<u32> {
        if let Some(codes) = self.error_codes.as_ref().filter(|codes| !codes.is_empty()) {
            return codes.clone();
        }
        let text = self
            .error_description
            .as_deref()
            .and_then(|text| text.strip_prefix("AADSTS"));
        let number = text.and_then(|text| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        number.into_iter().collect()
    }
}

#[cfg(test)]
mod tests;
