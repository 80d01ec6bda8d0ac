//! Secrets of the parts around Onedoor: named in the file, read from where they are.

use std::path::Path;

use onedoor_model::registry::SecretRef;
use onedoor_secrets::{Secret, Secrets};

use super::source::{Fault, Given};
use crate::process::with_causes;

/// A reference to a secret that can be read now. What stands there instead of a reference is not told back: it may be a secret.
pub(super) fn reference(given: &Given<String>) -> Result<SecretRef, Fault> {
    let reference: SecretRef = given.value.parse().map_err(|_| {
        given.fault(
            "is no reference to a secret",
            "write env:NAME or file:/absolute/path, and put the secret there",
        )
    })?;
    read(given, &reference)?;
    Ok(reference)
}

/// The text that a reference names. It goes where it is needed as what does not print.
pub(super) fn text(given: &Given<String>) -> Result<String, Fault> {
    let secret = read(given, &reference(given)?)?;
    secret
        .expose_text()
        .map(str::to_owned)
        .ok_or_else(|| given.fault("refers to a secret that is no text", "store it as UTF-8"))
}

/// The reference to a file.
pub(super) fn of_file(path: &Path) -> Option<SecretRef> {
    let path = std::path::absolute(path).ok()?;
    format!("file:{}", path.display()).parse().ok()
}

fn read(given: &Given<String>, reference: &SecretRef) -> Result<Secret, Fault> {
    Secrets::default()
        .read(reference)
        .map_err(|error| given.fault(with_causes(&error), "put the secret where the reference says"))
}
