//! What a command gets from the process it runs in. Tests give their own.

use std::io::{self, BufWriter, Read};

use terminal_size::{Width, terminal_size_of};

use super::{screen::Screen, token::Token};

/// The variable that holds a token. It is no option: other users of the machine could read it in the list of processes.
const TOKEN_VARIABLE: &str = "ONEDOOR_TOKEN";

/// The streams and the environment of a process.
pub(crate) struct Process<'a> {
    /// What `-` reads.
    pub(super) input: &'a mut dyn Read,
    /// For answers.
    pub(super) out: Screen<'a>,
    /// For what is said about them, and for errors.
    pub(super) notes: Screen<'a>,
    /// What [`TOKEN_VARIABLE`] holds.
    pub(super) token: Option<Token>,
}

impl Process<'_> {
    /// Says something that is to be read after what was answered so far: stdout is buffered, stderr is not.
    pub(super) fn note_after(&mut self, text: &str) -> io::Result<()> {
        self.out.flush()?;
        self.notes.line(text)
    }
}

/// Calls `work` with this process's own streams.
pub(super) fn with<T>(work: impl FnOnce(&mut Process<'_>) -> T) -> T {
    let token = std::env::var(TOKEN_VARIABLE).ok().and_then(Token::new);
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let widths = [width(terminal_size_of(&stdout)), width(terminal_size_of(&stderr))];
    let mut out = BufWriter::new(stdout.lock());
    let mut notes = stderr.lock();
    let mut input = io::stdin().lock();
    work(&mut Process {
        input: &mut input,
        out: Screen::new(&mut out, widths[0]),
        notes: Screen::new(&mut notes, widths[1]),
        token,
    })
}

fn width(size: Option<(Width, terminal_size::Height)>) -> Option<u16> {
    size.map(|(Width(columns), _)| columns)
}
