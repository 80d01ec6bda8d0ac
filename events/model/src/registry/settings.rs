//! Settings: what an administrator may change while the door is open.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{ids::Slug, manifest::Fault, registry::SecretRef};

/// Settings of the whole installation. Absent fields have their defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// Sizes and counts that are refused beyond.
    pub limits: Limits,
    /// Tolerance for other hosts' clocks when `exp` and `nbf` are checked, in seconds.
    pub clock_leeway_seconds: u64,
    /// Lifetime of a Token B that the gateway issues, in seconds; never beyond Token A's.
    pub token_b_seconds: u64,
    /// Refusals of one caller that are recorded one by one, per minute; the rest is counted.
    pub denials_per_minute: u32,
    /// Browser origins that may call (`Origin`), beside the door's own.
    pub allowed_origins: BTreeSet<String>,
    /// Networks that upstreams and identity providers may be in although they are not public: loopback, private, link-local.
    pub internal_networks: Vec<IpNet>,
    /// When calls to a failing server are no longer tried.
    pub breaker: Breaker,
    /// How often calls may be made; what is not limited is not counted.
    #[serde(skip_serializing_if = "RateLimits::is_empty")]
    pub rate_limits: RateLimits,
    /// TLS towards servers that need more than the machine's certificate authorities, by slug.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub upstream_tls: BTreeMap<Slug, UpstreamTls>,
}

/// See [`Settings::breaker`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Breaker {
    /// Failures in a row after which a server is left alone.
    pub failures: u32,
    /// For how long at first, in milliseconds; longer each time it fails again.
    pub open_ms: u64,
}

/// See [`Settings::rate_limits`]. A call must be within all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RateLimits {
    /// Calls of each user, through whichever client app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_user: Option<RateLimit>,
    /// Calls through each client app, of whichever user or on its own behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_client: Option<RateLimit>,
    /// Calls to each server, by whomever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_server: Option<RateLimit>,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// How often in a minute, in the long run.
    pub per_minute: u32,
    /// How often at once, after a pause.
    pub burst: u32,
}

/// See [`Settings::upstream_tls`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamTls {
    /// Certificate authorities that the server's certificate must go back to, instead of the machine's; PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretRef>,
    /// The gateway's certificate for this server, with its chain; PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<SecretRef>,
    /// Its private key; PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
}

/// See [`Settings::limits`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Limits {
    /// A request's body on the data plane, in bytes.
    pub body_bytes: u64,
    /// An upstream's JSON answer, in bytes.
    pub answer_bytes: u64,
    /// One server-sent event, in bytes.
    pub sse_event_bytes: u64,
    /// Nesting of JSON.
    pub json_depth: u32,
    /// Entries on a page where the caller names no number.
    pub page: u32,
    /// Entries on a page at most.
    pub page_max: u32,
    /// Calls under way to one server; further ones are refused, so that a slow server cannot take the others' room.
    pub upstream_calls: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            clock_leeway_seconds: 60,
            token_b_seconds: 300,
            denials_per_minute: 60,
            allowed_origins: BTreeSet::new(),
            internal_networks: Vec::new(),
            breaker: Breaker::default(),
            rate_limits: RateLimits::default(),
            upstream_tls: BTreeMap::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 4 << 20,
            answer_bytes: 16 << 20,
            sse_event_bytes: 1 << 20,
            json_depth: 64,
            page: 100,
            page_max: 1_000,
            upstream_calls: 256,
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 5,
            open_ms: 5_000,
        }
    }
}

impl RateLimits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named().iter().all(|(_, limit)| limit.is_none())
    }

    fn named(&self) -> [(&'static str, Option<RateLimit>); 3] {
        [
            ("perUser", self.per_user),
            ("perClient", self.per_client),
            ("perServer", self.per_server),
        ]
    }
}

impl Settings {
    /// Everything that is out of range.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let limits = &self.limits;
        let ranges = [
            ("/limits/bodyBytes", limits.body_bytes, 1 << 10, 64 << 20),
            ("/limits/answerBytes", limits.answer_bytes, 1 << 10, 256 << 20),
            ("/limits/sseEventBytes", limits.sse_event_bytes, 1 << 10, 16 << 20),
            ("/limits/jsonDepth", limits.json_depth.into(), 8, 128),
            ("/limits/page", limits.page.into(), 1, limits.page_max.into()),
            ("/limits/pageMax", limits.page_max.into(), 1, 10_000),
            ("/limits/upstreamCalls", limits.upstream_calls.into(), 1, 10_000),
            ("/breaker/failures", self.breaker.failures.into(), 1, 1_000),
            ("/breaker/openMs", self.breaker.open_ms, 100, 60_000),
            ("/clockLeewaySeconds", self.clock_leeway_seconds, 0, 300),
            ("/tokenBSeconds", self.token_b_seconds, 30, 3_600),
            ("/denialsPerMinute", self.denials_per_minute.into(), 1, 100_000),
        ];
        let halves = self
            .upstream_tls
            .iter()
            .filter(|(_, tls)| tls.certificate.is_some() != tls.key.is_some())
            .map(|(slug, _)| Fault {
                pointer: format!("/upstreamTls/{slug}"),
                message: "a client certificate needs its key, and a key its certificate".to_owned(),
                hint: "give both `certificate` and `key`, or neither".to_owned(),
            });
        let rates = self.rate_limits.named().into_iter().flat_map(|(name, limit)| {
            let range = |member, value| {
                (
                    format!("/rateLimits/{name}/{member}"),
                    u64::from(value),
                    1,
                    1_000_000,
                )
            };
            limit.map(|limit| [range("perMinute", limit.per_minute), range("burst", limit.burst)])
        });
        ranges
            .into_iter()
            .map(|(pointer, value, least, most)| (pointer.to_owned(), value, least, most))
            .chain(rates.flatten())
            .filter(|(_, value, least, most)| !(least..=most).contains(&value))
            .map(|(pointer, value, least, most)| Fault {
                pointer,
                message: format!("{value} is out of range"),
                hint: format!("choose between {least} and {most}"),
            })
            .chain(halves)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_rates(text: &str) -> Settings {
        serde_json::from_str(&format!(r#"{{"rateLimits":{text}}}"#)).unwrap()
    }

    #[test]
    fn rates_out_of_range_are_named() {
        for (rates, wrong) in [
            (r"{}", vec![]),
            (r#"{"perUser":{"perMinute":1,"burst":1000000}}"#, vec![]),
            (
                r#"{"perUser":{"perMinute":0,"burst":5},"perServer":{"perMinute":60,"burst":1000001}}"#,
                vec!["/rateLimits/perUser/perMinute", "/rateLimits/perServer/burst"],
            ),
        ] {
            let faults = with_rates(rates).faults();
            let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
            assert_eq!(pointers, wrong, "{rates}");
        }
    }

    #[test]
    fn settings_without_rates_are_written_as_before_there_were_any() {
        let written = serde_json::to_value(Settings::default()).unwrap();
        assert_eq!(written.get("rateLimits"), None);
        let limited = with_rates(r#"{"perClient":{"perMinute":60,"burst":5}}"#);
        let written = serde_json::to_value(&limited).unwrap();
        assert_eq!(written["rateLimits"]["perClient"]["burst"], 5);
        assert_eq!(serde_json::from_value::<Settings>(written).unwrap(), limited);
    }
}
