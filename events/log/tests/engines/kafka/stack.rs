//! The broker that tests share, and topics of their own on it.

use std::{env, fs, path::Path, thread, time::Duration};

use onedoor_log::Stream;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use tempfile::TempDir;

/// The broker's address: `ONEDOOR_TEST_KAFKA`, from the environment or as `make stack` wrote it.
pub(crate) fn broker() -> String {
    const NAME: &str = "ONEDOOR_TEST_KAFKA";
    let written = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.stack/env");
    let from_file = || {
        let text = fs::read_to_string(written).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(NAME)?.strip_prefix('='))?;
        Some(line.to_owned())
    };
    env::var(NAME)
        .ok()
        .or_else(from_file)
        .expect("no Kafka to test with: run `make stack`, or set ONEDOOR_TEST_KAFKA to host:port")
}

/// Topics under a prefix of their own, deleted when this goes.
pub(crate) struct Topics {
    broker: String,
    prefix: String,
}

impl Topics {
    pub(crate) fn new() -> Self {
        // A name that no other test has, running now or later.
        let unique = TempDir::with_prefix("log-").unwrap();
        let name = unique
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_lowercase();
        Self {
            broker: broker(),
            prefix: format!("test-{}-{name}", std::process::id()),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("kafka://{}/{}", self.broker, self.prefix)
    }

    pub(crate) fn name(&self, stream: Stream) -> String {
        format!("{}.{stream}", self.prefix)
    }

    pub(crate) fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", &self.broker)
            .create()
            .unwrap()
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        let (admin, names) = (self.admin(), Stream::ALL.map(|stream| self.name(stream)));
        let delete = async move {
            let names = names.each_ref().map(String::as_str);
            let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(5)));
            let _ = admin.delete_topics(&names, &options).await;
        };
        // A thread of its own, as this one may belong to a runtime.
        let deleting = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(delete);
        });
        let _ = deleting.join();
    }
}
