mod answer;
mod era;
mod headers;
mod initialized;
mod message;
mod write;

use super::Message;
use crate::request::{Limits, Refused, read_message};

fn read(body: &str) -> Result<Message<'_>, Refused<'_>> {
    read_message(body.as_bytes(), Limits::default())
}

fn message(body: &str) -> Message<'_> {
    read(body).unwrap_or_else(|refused| panic!("{body} gave {refused:?}"))
}
