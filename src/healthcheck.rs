//! `onedoor healthcheck`: whether a process is well, for containers that have nothing else to ask with.

use std::{io, process::ExitCode, time::Duration};

use crate::process::conclude;

/// What can be said of `onedoor healthcheck`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to ask, such as `http://127.0.0.1:8080/readyz`
    #[arg(long, value_name = "URL")]
    url: reqwest::Url,
    /// Seconds that the answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    timeout: u64,
}

/// Why the process is not well.
#[derive(Debug, thiserror::Error)]
enum Unwell {
    /// Nothing can be asked with.
    #[error("cannot ask")]
    Runtime(#[from] io::Error),
    /// It does not answer.
    #[error("no answer")]
    NoAnswer(#[from] reqwest::Error),
    /// It answers that it is not.
    #[error("{status}: {text}")]
    Answer {
        /// As it said.
        status: reqwest::StatusCode,
        /// In its own words.
        text: String,
    },
}

/// Exits with 0 if the answer is a success, with 1 otherwise.
pub(crate) fn main(args: &Args) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = match runtime {
        Ok(runtime) => runtime.block_on(ask(args)),
        Err(error) => Err(error.into()),
    };
    match &asked {
        Ok(text) => conclude(Ok(text.clone())),
        Err(error) => conclude(Err(error)),
    }
}

async fn ask(args: &Args) -> Result<String, Unwell> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(args.timeout))
        .build()?;
    let answer = client.get(args.url.clone()).send().await?;
    let status = answer.status();
    let text = answer.text().await?.trim().to_owned();
    if status.is_success() {
        Ok(text)
    } else {
        Err(Unwell::Answer { status, text })
    }
}
