//! Secrets of the parts around Onedoor: named in the file, read from where they are.

use std::path::Path;

use onedoor_model::registry::{SecretPlace, SecretRef};
use onedoor_secrets::{Secret, Secrets};

use super::{
    exposed,
    source::{Fault, Faults, Given},
};
use crate::process::with_causes;

/// A reference to a secret that can be read now. None only where a fault was added.
pub(super) fn reference(given: &Given<String>, faults: &mut Faults) -> Option<SecretRef> {
    read(given, faults).map(|(reference, _)| reference)
}

/// The text that a reference names. It goes where it is needed as what does not print. None only where a fault was added.
pub(super) fn text(given: &Given<String>, faults: &mut Faults) -> Option<String> {
    let (_, secret) = read(given, faults)?;
    let text = secret.expose_text().map(str::to_owned);
    faults.keep(text.ok_or_else(|| given.fault("refers to a secret that is no text", "store it as UTF-8")))
}

/// The reference to a file.
pub(super) fn of_file(path: &Path) -> Option<SecretRef> {
    let path = std::path::absolute(path).ok()?;
    format!("file:{}", path.display()).parse().ok()
}

fn read(given: &Given<String>, faults: &mut Faults) -> Option<(SecretRef, Secret)> {
    let reference = faults.keep(parse(given))?;
    let secret = Secrets::default().read(&reference);
    let secret =
        faults
            .keep(secret.map_err(|error| {
                given.fault(with_causes(&error), "put the secret where the reference says")
            }))?;
    if let SecretPlace::File(path) = reference.place() {
        exposed::file(given, path, faults);
    }
    Some((reference, secret))
}

/// What stands there instead of a reference is not told back: it may be a secret.
fn parse(given: &Given<String>) -> Result<SecretRef, Fault> {
    given.value.parse().map_err(|_| {
        given.fault(
            "is no reference to a secret",
            "write env:NAME or file:/absolute/path, and put the secret there",
        )
    })
}
