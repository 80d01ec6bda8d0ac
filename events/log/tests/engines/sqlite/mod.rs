//! The contract over `sqlite://`, and what only a log on disk must do: be there again, be nobody else's, stay in shape under load.

mod copying;
mod damage;
mod load;
mod reopening;

use std::path::Path;

use onedoor_log::Options;

use crate::contract::{self, Log, Subject};

async fn open_new(options: Options) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    Subject {
        log: open(folder.path(), options).await,
        _place: Box::new(folder),
    }
}

contract::suite!(open_new, embedded);

async fn open(folder: &Path, options: Options) -> Log {
    onedoor_log::open_with(&url(folder), options)
        .await
        .expect("the log opens")
}

fn url(folder: &Path) -> String {
    format!("sqlite://{}", folder.display())
}
