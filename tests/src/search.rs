//! Searching everything for what must be nowhere.

use std::path::{Path, PathBuf};

/// The places among these texts and the files below a folder that hold one of the needles: names of texts, paths of files.
#[must_use]
pub fn holding(texts: &[(&str, &[u8])], folder: &Path, needles: &[&str]) -> Vec<String> {
    let mut found: Vec<String> = texts
        .iter()
        .filter(|(_, text)| holds(text, needles))
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for path in files(folder) {
        if holds(&std::fs::read(&path).unwrap(), needles) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Every file below a folder.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files
}

fn holds(text: &[u8], needles: &[&str]) -> bool {
    needles.iter().any(|needle| memory_holds(text, needle.as_bytes()))
}

fn memory_holds(text: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut rest = text;
    while let Some(start) = rest.iter().position(|byte| *byte == first) {
        if rest[start..].starts_with(needle) {
            return true;
        }
        rest = &rest[start + 1..];
    }
    false
}
