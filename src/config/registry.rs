//! What a new registry begins with, in the form that the admin API takes it.

use std::collections::BTreeSet;

use onedoor_admin::{read_issuer, read_settings};
use onedoor_model::{
    manifest,
    registry::{Issuer, Settings},
};
use serde_json::Value;

use super::{
    document::Document,
    section::at,
    source::{Fault, Faults},
};

/// The issuers that are without fault.
pub(super) fn issuers(inputs: Vec<(String, Value)>, document: &Document, faults: &mut Faults) -> Vec<Issuer> {
    let mut names = BTreeSet::new();
    let mut issuers = Vec::new();
    for (pointer, value) in inputs {
        match read_issuer(value) {
            Ok(issuer) if names.insert(issuer.name.clone()) => issuers.push(issuer),
            Ok(issuer) => {
                let message = format!("there is another issuer {}", issuer.name);
                let name = format!("{pointer}/name");
                faults.add(at(document, &name, ()).fault(message, "give each a name of its own"));
            }
            Err(found) => add(found, &pointer, document, faults),
        }
    }
    issuers
}

/// The settings, if there are any and they are without fault.
pub(super) fn settings(
    input: Option<(String, Value)>,
    document: &Document,
    faults: &mut Faults,
) -> Option<Settings> {
    let (pointer, value) = input?;
    match read_settings(value) {
        Ok(settings) => Some(settings),
        Err(found) => {
            add(found, &pointer, document, faults);
            None
        }
    }
}

fn add(found: Vec<manifest::Fault>, below: &str, document: &Document, faults: &mut Faults) {
    for manifest::Fault {
        pointer,
        message,
        hint,
    } in found
    {
        let place = at(document, &format!("{below}{pointer}"), ());
        faults.add(Fault {
            field: place.field,
            source: place.source,
            message,
            hint,
        });
    }
}
