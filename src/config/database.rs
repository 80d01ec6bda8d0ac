//! `[database]`: where the projection is.

use std::num::NonZeroU32;

use onedoor_projector::{Password, PostgresOptions};

use super::{
    args::PartsArgs,
    exposed,
    layers::{Environment, lay, layer},
    secret,
    section::{Section, number},
    source::{Fault, Faults, Given},
    tls::TlsInputs,
    url::part,
};

/// What was given, before it is judged.
#[derive(Debug)]
pub(super) struct DatabaseInputs {
    url: Option<Given<String>>,
    password: Option<Given<String>>,
    schema: Option<Given<String>>,
    tls: Option<TlsInputs>,
    keep_days: Option<Given<String>>,
}

impl DatabaseInputs {
    pub(super) fn read(
        args: &PartsArgs,
        environment: Environment<'_>,
        root: &mut Section<'_>,
        faults: &mut Faults,
    ) -> Self {
        let mut section = root.section("database", faults);
        let mut inputs = Self {
            url: section.text("url", faults),
            password: section.text("password", faults),
            schema: section.text("schema", faults),
            tls: TlsInputs::read(&mut section, faults),
            keep_days: section.number("keepDays", faults),
        };
        section.close(faults);
        let url = ["database.url", "--database-url", "ONEDOOR_DATABASE_URL"];
        lay([layer(&mut inputs.url, url, &args.database_url)], environment);
        inputs
    }

    /// None only where a fault was added.
    pub(super) fn judge(self, faults: &mut Faults) -> Option<PostgresOptions> {
        let url = match &self.url {
            Some(given) => faults.keep(database(given)),
            None => {
                faults.add(Fault::missing(
                    "database.url",
                    "name the projection's database: postgres://onedoor@db.example/onedoor",
                ));
                None
            }
        };
        let password = self.password.map(|given| secret::text(&given, faults));
        let schema = self.schema.map(|given| faults.keep(schema(given)));
        let tls = self.tls.map(|tls| tls.judge(faults));
        let most = NonZeroU32::MIN.saturating_add(36_499);
        let keep_days = self
            .keep_days
            .map(|given| faults.keep(number(&given, NonZeroU32::MIN..=most)));
        let (given, url) = (self.url?, url?);
        if tls.is_none() {
            exposed::plain_text(&given, url.host_str(), "database", faults);
        }
        let mut options = PostgresOptions::new(url);
        if let Some(password) = password {
            options.password = Some(Password::new(password?));
        }
        if let Some(schema) = schema {
            options.schema = schema?;
        }
        if let Some(tls) = tls {
            options.tls = Some(tls?.into());
        }
        if let Some(days) = keep_days {
            options.keep_days = Some(days?);
        }
        Some(options)
    }
}

fn database(given: &Given<String>) -> Result<url::Url, Fault> {
    let url = part(
        given,
        &["postgres", "postgresql"],
        "postgres://onedoor@db.example/onedoor",
    )?;
    let name = url.path().trim_start_matches('/');
    if name.is_empty() || name.contains('/') {
        Err(given.fault("names no database", "write postgres://USER@HOST/DATABASE"))
    } else if url.query().is_some() {
        Err(given.fault(
            "has parameters",
            "leave them out: TLS, schema and password have keys of their own in [database]",
        ))
    } else {
        Ok(url)
    }
}

/// A name that needs no quotes, so that it can stand wherever SQL names a schema.
fn schema(given: Given<String>) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = given
        .value
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase());
    let system = given.value.starts_with("pg_");
    if begins && !system && given.value.len() <= 40 && given.value.bytes().all(plain) {
        Ok(given.value)
    } else {
        Err(given.fault(
            format!("{:?} is no name of a schema", given.value),
            "write at most 40 of a-z, 0-9 and _, a letter first, and not pg_",
        ))
    }
}
