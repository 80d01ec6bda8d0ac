//! The contract over `memory://`.

use onedoor_log::Options;

use crate::contract::{self, Subject};

async fn open(options: Options) -> Subject {
    Subject {
        log: onedoor_log::open_with("memory://", options).await.unwrap(),
        _place: Box::new(()),
    }
}

contract::suite!(open, embedded);
