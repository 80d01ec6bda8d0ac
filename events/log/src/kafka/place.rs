//! Where a log is in Kafka: `kafka://host1:9092,host2:9092/prefix`.

use std::sync::Arc;

use crate::port::Stream;

/// Brokers to ask first, and what the log's topics are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `host:port`, separated by commas.
    pub(super) brokers: String,
    /// Every topic is `prefix.stream`.
    prefix: String,
}

/// A name of a topic has at most 249 characters; the longest of ours after the prefix is `.registry`.
const MAX_PREFIX: usize = 240;

impl Place {
    /// Reads what follows `kafka://`.
    ///
    /// # Errors
    /// The rule that is broken.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let Some((brokers, prefix)) = text.split_once('/') else {
            return Err("kafka://host:port must be followed by / and a prefix for the names of topics");
        };
        if !brokers.split(',').all(is_address) {
            return Err(
                "kafka:// must be followed by brokers as host:port, separated by commas, without user or password",
            );
        }
        if !is_prefix(prefix) {
            return Err(
                "the prefix must have 1 to 240 of a-z, 0-9, '.', '_' and '-', and start with a letter or digit",
            );
        }
        Ok(Self {
            brokers: brokers.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// The topic of a stream.
    pub(super) fn topic(&self, stream: Stream) -> Arc<str> {
        format!("{}.{stream}", self.prefix).into()
    }

    /// The name under which access to consumer groups is granted. No group is ever joined, but librdkafka asks for its coordinator.
    pub(super) fn group(&self) -> &str {
        &self.prefix
    }
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let is_host = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        !host.is_empty() && is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn is_prefix(text: &str) -> bool {
    text.len() <= MAX_PREFIX
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_brokers_and_topics() {
        let place = Place::parse("one:9092,10.0.0.2:9093,[::1]:9094/prod.onedoor").unwrap();
        assert_eq!(place.brokers, "one:9092,10.0.0.2:9093,[::1]:9094");
        assert_eq!(&*place.topic(Stream::Audit), "prod.onedoor.audit");
    }

    #[test]
    fn anything_else_is_told_what_is_wrong() {
        let long = format!("b:1/{}", "x".repeat(MAX_PREFIX + 1));
        for (text, rule) in [
            ("", "followed by / and a prefix"),
            ("broker:9092", "followed by / and a prefix"),
            ("/onedoor", "host:port"),
            ("broker/onedoor", "host:port"),
            ("broker:0/onedoor", "host:port"),
            ("broker:70000/onedoor", "host:port"),
            ("a:1,,b:2/onedoor", "host:port"),
            ("user:secret@broker:9092/onedoor", "without user or password"),
            ("broker:9092/", "the prefix"),
            ("broker:9092/Onedoor", "the prefix"),
            ("broker:9092/.onedoor", "the prefix"),
            ("broker:9092/one/door", "the prefix"),
            ("broker:9092/onedoor?x=1", "the prefix"),
            (&long, "the prefix"),
        ] {
            let broken = Place::parse(text).unwrap_err();
            assert!(broken.contains(rule), "{text:?}: {broken}");
        }
    }
}
