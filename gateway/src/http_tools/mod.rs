//! Plain HTTP tools: `/http/{name}/{path}`, and `/servers/{name}/qa/http/{path}` for the stage `qa`, whose paths must not clash with
//! those of the service.
//!
//! A request is a call of the tool whose route it fits. The upstream's request is written from the permit, not passed on: method and
//! canonical path, the query, and headers by allow-list. Bodies stream both ways, whatever the protocols on either side.

mod answer;
mod call;
mod endpoint;
mod location;
mod passing;
mod refusal;
mod request;
mod target;
mod upload;

pub(crate) use endpoint::{production, qa};
pub(crate) use refusal::status;
pub(crate) use target::base_path;
pub(crate) use upload::UploadFault;
