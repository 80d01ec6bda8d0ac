//! Reads: a strict query, and the state at the revision that was asked for, or later.

use std::time::Duration;

use axum::extract::FromRequestParts;
use deserr::Deserr;
use http::request::Parts;
use onedoor_log::{Partition, Stream};
use onedoor_model::{
    ids::{AggregateVersion, Offset, Revision},
    registry::State,
};
use serde_json::{Map, Value};
use url::form_urlencoded;
use utoipa::{IntoParams, openapi::path::ParameterIn};

use crate::{
    Api,
    faults::Faults,
    openapi::{Documented, Spec},
    refusal::Refusal,
    text::{FromText as _, Wrong},
};

/// How long a read waits for a revision.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// How long a command waits for the version that it is given for: longer than a replica that serves may be behind another one.
const CATCH_UP: Duration = Duration::from_secs(1);
/// The query parameter that names one.
const AT_LEAST: &str = "at_least";

/// A read.
#[derive(Debug)]
pub(crate) struct Read<Q> {
    /// What is asked.
    pub query: Q,
    /// The registry, at `at_least` or later.
    pub state: State,
    /// The revision asked for.
    pub at_least: Option<Revision>,
}

/// A query that asks nothing.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub(crate) struct Everything {}

impl<Q: Deserr<Faults> + Send> FromRequestParts<Api> for Read<Q> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let (query, at_least) = split(parts.uri.query().unwrap_or_default())
            .map_err(|faults| Refusal::Request(faults.of_query()))?;
        let query =
            deserr::deserialize(query).map_err(|faults: Faults| Refusal::Request(faults.of_query()))?;
        let state = api.state_at(at_least).await?;
        Ok(Self {
            query,
            state,
            at_least,
        })
    }
}

impl<Q: IntoParams> Documented for Read<Q> {
    fn document(spec: &mut Spec<'_>) {
        for parameter in Q::into_params(|| Some(ParameterIn::Query)) {
            spec.parameter(parameter);
        }
        spec.query_parameter(
            AT_LEAST,
            "Answer from this revision or a later one, as `Onedoor-Revision` named it. The answer waits for it for 5 seconds.",
        );
        for status in [400, 503] {
            spec.problem(status);
        }
    }
}

impl Api {
    /// The state at a revision or later.
    async fn state_at(&self, at_least: Option<Revision>) -> Result<State, Refusal> {
        if let Some(wanted) = at_least
            && let Ok(reached) = tokio::time::timeout(MAX_WAIT, self.registry.reached(wanted)).await
        {
            reached?;
        }
        let state = self.registry.state();
        let reached = state.revision().unwrap_or_default();
        match at_least {
            Some(wanted) if reached < wanted => Err(Refusal::Behind { wanted, reached }),
            Some(_) | None => Ok(state),
        }
    }

    /// Waits until a version has come here. Whoever has read it from another replica is answered as that one would have; a version that
    /// does not come at all is refused by the rule.
    pub(crate) async fn catch_up(&self, AggregateVersion(version): AggregateVersion) {
        let _ = tokio::time::timeout(CATCH_UP, self.registry.reached(Offset(version))).await;
    }

    /// Waits until the projection, too, has a revision that a read asked for.
    pub(crate) async fn projected(&self, at_least: Option<Revision>) -> Result<(), Refusal> {
        let Some(wanted) = at_least else { return Ok(()) };
        let (stream, partition) = (Stream::Registry, Partition(0));
        let reached = tokio::time::timeout(MAX_WAIT, self.rows.reached(stream, partition, wanted)).await;
        if reached.is_ok() {
            return Ok(());
        }
        let next = self
            .rows
            .position(stream, partition)
            .await
            .map_err(Refusal::Projection)?;
        Err(Refusal::Behind {
            wanted,
            reached: Offset(next.0.saturating_sub(1)),
        })
    }
}

/// The parameters of a query, and the revision among them.
fn split(query: &str) -> Result<(Value, Option<Revision>), Faults> {
    let mut parameters = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let earlier = parameters.insert(name.clone().into_owned(), Value::String(value.into_owned()));
        if earlier.is_some() {
            return Err(Faults::one(
                format!("/{name}"),
                "is there twice",
                "keep one of them",
            ));
        }
    }
    let at_least = match parameters.remove(AT_LEAST) {
        Some(Value::String(text)) => Some(
            Revision::from_text(&text)
                .map_err(|Wrong { message, hint }| Faults::one(format!("/{AT_LEAST}"), message, hint))?,
        ),
        Some(_) | None => None,
    };
    Ok((Value::Object(parameters), at_least))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_query_is_taken_apart() {
        let (query, at_least) = split("server=a%20b&at_least=7&tool=").unwrap();
        assert_eq!(query, json!({"server": "a b", "tool": ""}));
        assert_eq!(at_least, Some(Offset(7)));
    }

    #[test]
    fn what_is_there_twice_or_no_revision_is_refused() {
        for bad in [
            "a=1&a=1",
            "at_least=1&at_least=2",
            "at_least=x",
            "at_least=",
            "at_least=-1",
        ] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
