//! What answers look like. Apart from the model, so that one can change without the other.

mod block;
mod call;
mod enforced;
mod grant;
mod health;
mod history;
mod issuer;
mod log;
mod manifest;
mod replica;
mod server;
mod settings;
mod touch;

pub(crate) use self::{
    block::{BlockList, BlockView},
    call::CallList,
    enforced::EnforcedView,
    grant::{GrantList, GrantView},
    health::HealthView,
    history::HistoryList,
    issuer::{IssuerList, IssuerView},
    log::LogView,
    manifest::{CheckView, compare},
    replica::{ReplicaList, ReplicaView},
    server::{ServerList, ServerStatus, ServerView},
    settings::SettingsView,
    touch::TouchView,
};
