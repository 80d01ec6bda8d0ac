//! The judge of who may call what: `oracle/oracle.py`, which shares no code with the product.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

use crate::binary;

/// Ways in which the oracle can be told to be wrong (`ORACLE_BUG`).
pub const BUGS: [&str; 8] = [
    "groups_are_roles",
    "stages_are_one",
    "tenants_are_one",
    "issuers_are_one",
    "blocks_do_nothing",
    "approval_is_not_needed",
    "disabled_tools_are_served",
    "one_tool_is_all_tools",
];

/// A running oracle. It keeps a world until it is told to begin anew.
#[derive(Debug)]
pub struct Oracle {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts one; with a bug, if one is named.
    #[must_use]
    pub fn start(bug: Option<&str>) -> Self {
        let mut process = Command::new(binary::here().join(".venv/bin/python"))
            .arg(binary::here().join("oracle/oracle.py"))
            .env("ORACLE_BUG", bug.unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{error}; run scripts/setup-tests.sh"));
        let to = process.stdin.take().unwrap();
        let from = BufReader::new(process.stdout.take().unwrap());
        Self { process, to, from }
    }

    /// Puts a question, one line of JSON, and waits for its answer.
    pub fn ask(&mut self, question: &Value) -> Value {
        self.tell(question);
        self.answer()
    }

    /// Puts a question; its [`Oracle::answer`] may be fetched later, in order.
    pub fn tell(&mut self, question: &Value) {
        writeln!(self.to, "{question}").unwrap();
        self.to.flush().unwrap();
    }

    /// The next answer.
    pub fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
