use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A file of its own, and its reference.
struct Place {
    folder: tempfile::TempDir,
    reference: SecretRef,
}

impl Place {
    fn holding(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let reference = format!("file:{}/secret", folder.path().display())
            .parse()
            .unwrap();
        let place = Self { folder, reference };
        place.write(bytes);
        place
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("secret")
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(self.path(), bytes).unwrap();
        self.allow(0o600);
    }

    fn allow(&self, mode: u32) {
        fs::set_permissions(self.path(), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn has_warned(secrets: &Secrets, place: &Place) -> bool {
    secrets.0.lock()[&place.reference].warned
}

#[test]
fn a_variable_is_read() {
    let reference = "env:CARGO_PKG_NAME".parse().unwrap();
    let secret = Secrets::default().read(&reference).unwrap();
    assert_eq!(secret.expose_text(), Some("onedoor-secrets"));
    let unset = "env:ONEDOOR_HAS_NO_SUCH_SECRET".parse().unwrap();
    assert!(matches!(
        Secrets::default().read(&unset),
        Err(SecretError::NotSet(_))
    ));
}

#[test]
fn a_changed_file_is_known_within_a_second_and_not_read_more_often() {
    let place = Place::holding(b"old\n");
    let secrets = Secrets::default();
    let start = Instant::now();
    let read = |after| {
        let secret = secrets.read_at(&place.reference, Kind::Secret, start + after);
        secret.unwrap().expose_text().unwrap().to_owned()
    };
    assert_eq!(read(Duration::ZERO), "old");
    place.write(b"new\n");
    assert_eq!(read(FRESH.checked_sub(Duration::from_millis(1)).unwrap()), "old");
    assert_eq!(read(FRESH), "new");
    fs::remove_file(place.path()).unwrap();
    let gone = secrets.read_at(&place.reference, Kind::Secret, start + 2 * FRESH);
    assert!(
        matches!(gone, Err(SecretError::Read { .. })),
        "no secret outlives its file"
    );
}

#[test]
fn what_is_no_secret_is_refused_without_repeating_it() {
    let read = |place: &Place| Secrets::default().read(&place.reference).unwrap_err();
    for empty in ["", "\n", "\r\n"] {
        assert!(matches!(
            read(&Place::holding(empty.as_bytes())),
            SecretError::Empty(_)
        ));
    }
    let longest = "x".repeat(MAX_BYTES);
    assert!(
        Secrets::default()
            .read(&Place::holding(longest.as_bytes()).reference)
            .is_ok()
    );
    let error = read(&Place::holding(format!("{longest}x").as_bytes()));
    assert!(matches!(error, SecretError::TooLong(_)));
    assert!(!format!("{error:?} {error}").contains("xxx"));

    let folder = Place::holding(b"x");
    fs::remove_file(folder.path()).unwrap();
    assert!(matches!(read(&folder), SecretError::Read { .. }));
    fs::create_dir(folder.path()).unwrap();
    assert!(matches!(read(&folder), SecretError::NotAFile(_)));
}

#[test]
fn a_secret_that_everybody_may_read_is_warned_of_once_and_a_certificate_is_not() {
    let place = Place::holding(b"x");
    let (secrets, start) = (Secrets::default(), Instant::now());
    let read = |kind, after| secrets.read_at(&place.reference, kind, start + after).unwrap();
    place.allow(0o640);
    read(Kind::Secret, Duration::ZERO);
    assert!(!has_warned(&secrets, &place), "for its owner and group alone");
    place.allow(0o604);
    read(Kind::Public, FRESH);
    assert!(!has_warned(&secrets, &place));
    read(Kind::Secret, 2 * FRESH);
    assert!(has_warned(&secrets, &place));
    read(Kind::Secret, 3 * FRESH);
    assert!(has_warned(&secrets, &place), "and that is remembered");
}
