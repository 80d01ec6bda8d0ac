//! A process that a test kills, pauses and starts again; what it says goes into a file.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use reqwest::Client;
use tokio::process::{Child, Command};

use crate::wait;

/// A process. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    log: PathBuf,
    child: Child,
    pid: u32,
}

impl Process {
    /// Starts one; both its outputs are added to this file.
    #[must_use]
    pub fn start(name: &str, program: &Path, arguments: Vec<OsString>, log: PathBuf) -> Self {
        let child = spawn(name, Command::new(program).args(&arguments), &log);
        Self {
            name: name.to_owned(),
            program: program.to_owned(),
            arguments,
            environment: Vec::new(),
            log,
            pid: child.id().unwrap(),
            child,
        }
    }

    /// Starts it again, as it was started. It must have ended.
    pub fn restart(&mut self) {
        let mut command = Command::new(&self.program);
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command.args(&self.arguments).envs(environment);
        self.child = spawn(&self.name, &mut command, &self.log);
        self.pid = self.child.id().unwrap();
    }

    /// From the next start on, it has this in its environment.
    pub fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.environment.push((name, value.into()));
    }

    /// From the next start on, it is another build.
    pub fn use_binary(&mut self, binary: &Path) {
        binary.clone_into(&mut self.program);
    }

    /// Waits until it says that it is ready, at `/readyz` below this URL.
    pub async fn ready(&mut self, http: &Client, url: &str) {
        let url = format!("{url}/readyz");
        wait::until(&format!("{} to be ready", self.name), async || {
            self.assert_runs();
            let answer = http.get(&url).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Its number.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// All it has said, over all its runs.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// Must be running still.
    ///
    /// # Panics
    /// It is not.
    pub fn assert_runs(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} has ended with {status}: {}", self.name, self.log());
        }
    }

    /// SIGSTOP.
    pub async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// SIGCONT.
    pub async fn resume(&self) {
        self.signal("CONT").await;
    }

    /// SIGTERM, and on.
    pub async fn terminate(&self) {
        self.signal("TERM").await;
    }

    /// SIGTERM, and its end.
    pub async fn stop(&mut self) -> ExitStatus {
        self.terminate().await;
        self.ended().await
    }

    /// SIGTERM, its end, which must be a good one, and another start.
    pub async fn stop_and_restart(&mut self) {
        let status = self.stop().await;
        assert!(
            status.success(),
            "{} ended with {status}: {}",
            self.name,
            self.log()
        );
        self.restart();
    }

    /// SIGKILL, and its end.
    pub async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        self.ended().await;
    }

    /// SIGKILL, and another start.
    pub async fn kill_and_restart(&mut self) {
        self.kill().await;
        self.restart();
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        wait::within(&format!("the end of {}", self.name), self.child.wait())
            .await
            .unwrap()
    }

    async fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.pid.to_string()])
            .status()
            .await
            .unwrap();
        assert!(sent.success(), "{} is not there to get {signal}", self.name);
    }
}

/// Runs a program to its good end, and gives what it said.
///
/// # Panics
/// It ended badly.
pub async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn spawn(name: &str, command: &mut Command, log: &Path) -> Child {
    let file = File::options().create(true).append(true).open(log).unwrap();
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}
