//! A process of Onedoor: its runtime, the signals that stop it, and how it says why it ended.

use std::{error::Error, process::ExitCode, time::Duration};

use anyhow::anyhow;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Faults;

/// The configuration is at fault, and nothing was started.
const MISCONFIGURED: u8 = 64;

/// How long what blocks a thread may take to end.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Runs a process. The first Ctrl-C or SIGTERM cancels the token that `work` gets; a second one ends it at once.
pub(crate) fn run<F>(name: &str, work: impl FnOnce(CancellationToken) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(Box::pin(async {
        let mut signals = Signals::listen()?;
        let stop = CancellationToken::new();
        let twice = async {
            signals.next().await;
            tracing::info!("stopping: requests under way may end; a second signal ends them at once");
            stop.cancel();
            signals.next().await;
        };
        tokio::select! {
            ended = work(stop.clone()) => ended,
            () = twice => Err(anyhow!("told to stop twice: what was under way was cut")),
        }
    }));
    runtime.shutdown_timeout(LEFTOVERS);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "{name} ended");
            ExitCode::FAILURE
        }
    }
}

/// Says all that is wrong with a configuration.
#[expect(
    clippy::print_stderr,
    reason = "a person or a service manager reads it, before there is a log"
)]
pub(crate) fn refuse(faults: &Faults) -> ExitCode {
    eprintln!("error: nothing was started: {faults}");
    ExitCode::from(MISCONFIGURED)
}

/// What a command did, in a line for the person who gave it; or why it did nothing, with all causes.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a person reads it")]
pub(crate) fn conclude(result: Result<String, &dyn Error>) -> ExitCode {
    match result {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {}", with_causes(error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in a line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next of either.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
