//! What answers look like. Apart from the model, so that one can change without the other.

mod block;
mod call;
mod grant;
mod health;
mod history;
mod issuer;
mod log;
mod manifest;
mod server;
mod settings;
mod touch;

pub(crate) use self::{
    block::{BlockList, BlockView},
    call::CallList,
    grant::{GrantList, GrantView},
    health::HealthView,
    history::HistoryList,
    issuer::{IssuerList, IssuerView},
    log::LogView,
    manifest::{CheckView, compare},
    server::{ServerList, ServerStatus, ServerView},
    settings::SettingsView,
    touch::TouchView,
};
