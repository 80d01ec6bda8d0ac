//! `onedoor check-config`: what `onedoor serve` would say of its configuration, without starting anything.
#![expect(clippy::print_stdout, reason = "it is what a person asked for")]

use std::process::ExitCode;

use super::{
    config::{Config, ConfigArgs},
    refuse,
};

/// Judges a configuration, and says what it comes to.
pub(crate) fn check(args: &ConfigArgs) -> ExitCode {
    match Config::load(args) {
        Ok(config) => {
            println!("ok");
            for line in facts(&config) {
                println!("  {line}");
            }
            ExitCode::SUCCESS
        }
        Err(faults) => refuse(&faults),
    }
}

fn facts(config: &Config) -> Vec<String> {
    let mut facts = vec![format!("state in {}", config.data.display())];
    for (plane, url, how) in [
        ("data plane", &config.public_url, &config.data_plane),
        ("admin plane", &config.admin_url, &config.admin_plane),
    ] {
        let tls = if how.tls.is_some() { "TLS" } else { "plain text" };
        let hosts = how.hosts.join(" ");
        facts.push(format!(
            "{plane} {url} on {}, {tls}, for hosts {hosts}",
            how.listen
        ));
    }
    let names = |names: Vec<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    };
    let issuers = config.issuers.iter().map(|issuer| issuer.name.to_string());
    facts.push(format!("issuers: {}", names(issuers.collect())));
    let admins = config.first_admins.iter().map(ToString::to_string);
    facts.push(format!("first admins: {}", names(admins.collect())));
    facts
}
