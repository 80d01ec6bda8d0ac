//! When something was changed, by whom and why, as the API tells it.

use std::{borrow::Cow, fmt};

use jiff::Timestamp;
use serde::Deserialize;

/// A change.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Touch {
    pub(super) revision: u64,
    /// Absent from doors that do not tell it.
    #[serde(default)]
    pub(super) what: Option<String>,
    pub(super) time: Timestamp,
    pub(super) actor: Option<Actor>,
    pub(super) reason: Option<String>,
}

/// Who made it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Actor {
    Caller {
        user: Option<String>,
        client: String,
        display_name: Option<String>,
    },
    System {
        name: String,
    },
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

impl Touch {
    /// Who and when.
    pub(super) fn signature(&self) -> String {
        format!("{} at {:.3}", self.who(), self.time)
    }

    /// Who, where that is known.
    pub(super) fn who(&self) -> Cow<'static, str> {
        who(self.actor.as_ref())
    }
}

/// A cell that names an actor.
pub(super) fn who(actor: Option<&Actor>) -> Cow<'static, str> {
    actor.map_or(Cow::Borrowed("somebody"), |actor| Cow::Owned(actor.to_string()))
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller {
                user: Some(user),
                display_name: Some(name),
                ..
            } => write!(f, "{name} ({user})"),
            Self::Caller {
                user: Some(user),
                display_name: None,
                ..
            } => write!(f, "{user}"),
            Self::Caller {
                user: None, client, ..
            } => write!(f, "app {client}"),
            Self::System { name } => write!(f, "onedoor ({name})"),
            Self::Other => f.write_str("somebody"),
        }
    }
}

impl fmt::Display for Touch {
    /// Who, when and why, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.signature())?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_says_who_when_and_why() {
        let user = json!({"kind": "caller", "issuer": "entra", "tenant": "t", "user": "5c07", "client": "cli", "displayName": "Addie Min"});
        let app = json!({"kind": "caller", "issuer": "entra", "tenant": "t", "client": "batch"});
        let system = json!({"kind": "system", "name": "bootstrap"});
        let later = json!({"kind": "delegate", "name": "x"});
        for (actor, expected) in [
            (user, "Addie Min (5c07) at 2026-11-24T07:00:00.000Z: leaked key"),
            (app, "app batch at 2026-11-24T07:00:00.000Z: leaked key"),
            (
                system,
                "onedoor (bootstrap) at 2026-11-24T07:00:00.000Z: leaked key",
            ),
            (later, "somebody at 2026-11-24T07:00:00.000Z: leaked key"),
        ] {
            let touch = json!({"revision": 7, "time": "2026-11-24T07:00:00Z", "actor": actor, "reason": "leaked key"});
            assert_eq!(
                serde_json::from_value::<Touch>(touch).unwrap().to_string(),
                expected
            );
        }
        let bare: Touch =
            serde_json::from_value(json!({"revision": 7, "time": "2026-11-24T07:00:00Z"})).unwrap();
        assert_eq!(bare.to_string(), "somebody at 2026-11-24T07:00:00.000Z");
    }
}
