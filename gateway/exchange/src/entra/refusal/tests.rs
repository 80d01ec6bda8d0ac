//! What Entra says, recorded in `tests/fixtures/` in the shapes of Microsoft's documentation, and what it means here.

use std::{fs, path::PathBuf};

use http::HeaderMap;
use onedoor_model::audit::NotDispatchedReason;
use serde_json::Value;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn answer(fixture: &str) -> NoTokenB {
    let text = fs::read_to_string(folder().join(format!("{fixture}.json"))).unwrap();
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let status = u16::try_from(recorded["status"].as_u64().unwrap()).unwrap();
    let headers: HeaderMap = recorded["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.parse().unwrap(), value.as_str().unwrap().parse().unwrap()))
        .collect();
    let body = &recorded["body"];
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    let status = StatusCode::from_u16(status).unwrap();
    read(status, headers.get("retry-after"), body.as_bytes())
}

/// The variant, and what it holds beside the refusal.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    TokenARejected,
    Consent,
    Interaction { claims: bool },
    Refused,
    Unavailable { retry_after: Option<u64> },
}

impl Read {
    fn of(refused: &NoTokenB) -> Self {
        match refused {
            NoTokenB::TokenARejected(_) => Self::TokenARejected,
            NoTokenB::ConsentRequired(_) => Self::Consent,
            NoTokenB::InteractionRequired { claims, .. } => Self::Interaction {
                claims: claims.is_some(),
            },
            NoTokenB::ExchangeRefused(_) => Self::Refused,
            NoTokenB::ExchangeUnavailable(_) => Self::Unavailable {
                retry_after: refused.retry_after().map(|wait| wait.as_secs()),
            },
            NoTokenB::Expired
            | NoTokenB::NoUser
            | NoTokenB::NotSetUp(_)
            | NoTokenB::Unusable(_)
            | NoTokenB::Sign(_)
            | NoTokenB::Unsendable => panic!("{refused:?}"),
        }
    }

    fn audited(&self) -> NotDispatchedReason {
        match self {
            Self::TokenARejected => NotDispatchedReason::TokenARejected,
            Self::Consent => NotDispatchedReason::ConsentRequired,
            Self::Interaction { .. } => NotDispatchedReason::InteractionRequired,
            Self::Refused => NotDispatchedReason::ExchangeRefused,
            Self::Unavailable { .. } => NotDispatchedReason::ExchangeUnavailable,
        }
    }
}

const WITH_CLAIMS: Read = Read::Interaction { claims: true };
const WITHOUT_CLAIMS: Read = Read::Interaction { claims: false };

fn unavailable(retry_after: impl Into<Option<u64>>) -> Read {
    Read::Unavailable {
        retry_after: retry_after.into(),
    }
}

#[test]
fn every_recorded_answer_has_its_meaning() {
    let table = [
        ("aadsts50013", Read::TokenARejected),
        ("aadsts50027", Read::TokenARejected),
        ("aadsts50132", Read::TokenARejected),
        ("aadsts50133", Read::TokenARejected),
        ("aadsts50173", Read::TokenARejected),
        ("aadsts500133", Read::TokenARejected),
        ("code-in-the-description", Read::TokenARejected),
        ("aadsts65001", Read::Consent),
        ("aadsts65004", Read::Consent),
        ("consent-required", Read::Consent),
        ("aadsts50072", WITHOUT_CLAIMS),
        ("aadsts50074", WITHOUT_CLAIMS),
        ("aadsts50076", WITH_CLAIMS),
        ("aadsts50078", WITHOUT_CLAIMS),
        ("aadsts50079", WITH_CLAIMS),
        ("aadsts50097", WITHOUT_CLAIMS),
        ("aadsts50158", WITH_CLAIMS),
        ("aadsts53000", WITH_CLAIMS),
        ("aadsts53003", WITH_CLAIMS),
        ("claims-alone", WITH_CLAIMS),
        ("claims-too-long", WITHOUT_CLAIMS),
        ("interaction-required", WITHOUT_CLAIMS),
        ("aadsts7000215", Read::Refused),
        ("aadsts7000222", Read::Refused),
        ("aadsts700016", Read::Refused),
        ("aadsts700027", Read::Refused),
        ("aadsts500131", Read::Refused),
        ("aadsts70011", Read::Refused),
        ("aadsts500011", Read::Refused),
        ("aadsts90014", Read::Refused),
        ("unknown-error", Read::Refused),
        ("moved", Read::Refused),
        ("forbidden-page", Read::Refused),
        ("aadsts90006", unavailable(None)),
        ("aadsts90033", unavailable(7)),
        ("aadsts50196", unavailable(None)),
        ("temporarily-unavailable", unavailable(None)),
        ("bad-gateway", unavailable(None)),
        ("throttled", unavailable(30)),
        ("throttled-for-long", unavailable(300)),
        ("throttled-until-a-date", unavailable(None)),
    ];
    for (fixture, meaning) in &table {
        let refused = answer(fixture);
        assert_eq!(Read::of(&refused), *meaning, "{fixture}");
        assert_eq!(refused.not_dispatched(), meaning.audited(), "{fixture}");
    }
    let mut recorded: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let mut listed: Vec<_> = table.iter().map(|(fixture, _)| (*fixture).to_owned()).collect();
    recorded.sort();
    listed.sort();
    assert_eq!(recorded, listed, "every fixture is in the table");
}

#[test]
fn the_claims_challenge_is_passed_on_as_it_came() {
    let NoTokenB::InteractionRequired { claims, .. } = answer("aadsts50076") else {
        panic!("interaction required");
    };
    let claims: Value = serde_json::from_str(&claims.unwrap()).unwrap();
    assert_eq!(claims["access_token"]["polids"]["essential"], true);
}

#[test]
fn an_operator_finds_the_error_and_nothing_of_the_user_in_what_is_logged() {
    let refused = answer("aadsts65001");
    let logged = format!("{refused} {refused:?}");
    assert!(logged.contains("AADSTS65001") && logged.contains("019ab4c0-3f5e-7c21-8d4a-5e6f70819200"));
    assert!(
        !logged.contains("Onedoor"),
        "the description stays unsaid: {logged}"
    );
}
