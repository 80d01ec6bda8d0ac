//! How far long work is, for whoever waits for it at a terminal or reads it in a log.
#![expect(clippy::print_stderr, reason = "a person waits for it")]

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that is drawn over again, for a terminal.
const BAR: &str = "{msg:24} {bar:40} {human_pos}/{human_len} {eta}";

/// Tells how far work is, to standard error: a bar at a terminal, else a line at each tenth.
#[derive(Debug)]
pub(crate) struct Progress {
    /// None where there is no terminal.
    bar: Option<ProgressBar>,
    /// What is being done, and the tenth of it that was told last.
    told: Option<(String, u64)>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
            // A wrong template would show in every run; the plain style is as good.
            match ProgressStyle::with_template(BAR) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { bar, told: None }
    }

    /// So much of the work is done.
    pub(crate) fn at(&mut self, what: &str, done: u64, of: u64) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(of);
                bar.set_message(what.to_owned());
                bar.set_position(done);
            }
            None => self.line(what, done, of),
        }
    }

    /// Something is being done that takes a moment.
    pub(crate) fn now(&mut self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => eprintln!("{what}"),
        }
    }

    fn line(&mut self, what: &str, done: u64, of: u64) {
        let tenth = (done * 10).checked_div(of).unwrap_or(10);
        let told = self
            .told
            .as_ref()
            .is_some_and(|(told, last)| told == what && *last >= tenth);
        if !told {
            eprintln!("{what}: {done} of {of}");
            self.told = Some((what.to_owned(), tenth));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
