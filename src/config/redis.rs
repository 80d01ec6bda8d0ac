//! `[redis]`: what replicas share for speed. Without it, each has its own.

use std::time::Duration;

use onedoor_model::registry::SecretRef;
use onedoor_redis::Options;
use onedoor_secrets::Secrets;
use url::Url;

use crate::process::with_causes;

use super::{
    args::GatewayArgs,
    exposed,
    layers::{Environment, lay, layer},
    secret,
    section::{Section, number},
    source::{Fault, Faults, Given},
    tls::{TlsFiles, TlsInputs},
    url::part,
};

/// What was given, before it is judged.
#[derive(Debug)]
pub(super) struct RedisInputs {
    /// Whether there is anything in the file.
    there: bool,
    url: Option<Given<String>>,
    password: Option<Given<String>>,
    tls: Option<TlsInputs>,
    keys: Option<Given<Vec<String>>>,
    prefix: Option<Given<String>>,
    connect: Option<Given<String>>,
    command: Option<Given<String>>,
}

impl RedisInputs {
    pub(super) fn read(
        args: &GatewayArgs,
        environment: Environment<'_>,
        root: &mut Section<'_>,
        faults: &mut Faults,
    ) -> Self {
        let mut section = root.section("redis", faults);
        let mut inputs = Self {
            there: !section.is_unreadable(),
            url: section.text("url", faults),
            password: section.text("password", faults),
            tls: TlsInputs::read(&mut section, faults),
            keys: section.texts("keys", faults),
            prefix: section.text("prefix", faults),
            connect: section.number("connectMs", faults),
            command: section.number("commandMs", faults),
        };
        section.close(faults);
        let url = ["redis.url", "--redis-url", "ONEDOOR_REDIS_URL"];
        lay([layer(&mut inputs.url, url, &args.redis_url)], environment);
        inputs
    }

    /// `Some(None)`: nothing is shared. None only where a fault was added.
    pub(super) fn judge(self, faults: &mut Faults) -> Option<Option<Options>> {
        if !self.there && self.url.is_none() {
            return Some(None);
        }
        let encrypted = self.tls.is_some();
        let url = match &self.url {
            Some(given) => faults.keep(address(given, encrypted)).inspect(|url| {
                if url.scheme() == "redis" {
                    exposed::plain_text(given, url.host_str(), "redis", faults);
                }
            }),
            None => {
                faults.add(Fault::missing(
                    "redis.url",
                    "name it, or leave [redis] out as a whole",
                ));
                None
            }
        };
        let password = self.password.map(|given| secret::reference(&given, faults));
        let tls = self.tls.map(|tls| tls.judge(faults));
        let keys = keys(self.keys, faults);
        let prefix = match self.prefix {
            Some(given) => faults.keep(prefix(given)).map(Some),
            None => Some(None),
        };
        let tls = tls.unwrap_or_else(|| Some(TlsFiles::default()));
        let connect = self.connect.map(|given| faults.keep(millis(&given)));
        let command = self.command.map(|given| faults.keep(millis(&given)));
        let (given, tls) = (self.url?, tls?);
        let mut options = Options::new(String::from(url?), keys?);
        options.password = password.map_or(Some(None), |read| read.map(Some))?;
        options.prefix = prefix?.unwrap_or(options.prefix);
        options.ca = tls.ca.as_deref().and_then(secret::of_file);
        let client = tls.client.as_ref();
        options.certificate = client.and_then(|client| secret::of_file(&client.certificate));
        options.key = client.and_then(|client| secret::of_file(&client.key));
        if let Some(connect) = connect {
            options.connect_timeout = connect?;
        }
        if let Some(command) = command {
            options.command_timeout = command?;
        }
        faults.keep(options.check(&Secrets::default()).map_err(|error| Fault {
            field: "redis".to_owned(),
            ..given.fault(with_causes(&error), "mend what it names")
        }))?;
        Some(Some(options))
    }
}

/// The address, with the user. What is left of its form is checked with the rest.
fn address(given: &Given<String>, encrypted: bool) -> Result<Url, Fault> {
    let url = part(given, &["redis", "rediss"], "rediss://onedoor@redis.example:6379")?;
    if encrypted && url.scheme() == "redis" {
        return Err(given.fault(
            "is plain text, and there is [redis.tls]",
            "write rediss://, or leave tls out",
        ));
    }
    Ok(url)
}

fn keys(given: Option<Given<Vec<String>>>, faults: &mut Faults) -> Option<Vec<SecretRef>> {
    let Some(given) = given.filter(|given| !given.value.is_empty()) else {
        faults.add(Fault::missing(
            "redis.keys",
            "tokens are encrypted there: name a key, keys = [\"file:/etc/onedoor/redis.key\"]; `openssl rand -base64 32` makes one",
        ));
        return None;
    };
    let read = given.value.iter().enumerate().map(|(index, reference)| {
        let one = Given {
            value: reference.clone(),
            field: format!("{}[{index}]", given.field),
            source: given.source.clone(),
        };
        let reference = secret::reference(&one, faults)?;
        faults.keep(key(&one, reference))
    });
    // All of them, so that every fault is told.
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// A key of the right form: the one check that needs no more than it.
fn key(given: &Given<String>, reference: SecretRef) -> Result<SecretRef, Fault> {
    let alone = Options::new("redis://localhost", vec![reference.clone()]);
    match alone.check(&Secrets::default()) {
        Ok(()) => Ok(reference),
        Err(error) => Err(given.fault(with_causes(&error), "make one: openssl rand -base64 32")),
    }
}

fn millis(given: &Given<String>) -> Result<Duration, Fault> {
    number(given, 1..=60_000).map(Duration::from_millis)
}

fn prefix(given: Given<String>) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    if (1..=64).contains(&given.value.len()) && given.value.bytes().all(plain) {
        Ok(given.value)
    } else {
        Err(given.fault(
            format!("{:?} is no prefix", given.value),
            "write 1 to 64 letters, digits, '.', '_', '-' and ':'",
        ))
    }
}
