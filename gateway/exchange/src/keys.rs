//! The gateway's own signing key (ES256), whose public half tool servers read at the JWKS endpoint.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde_json::{Value, json};

/// A private key and the public description of its other half. Never printed.
#[derive(Clone)]
pub struct SigningKey {
    encoding: EncodingKey,
    id: String,
    jwk: Value,
}

/// A signing key that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("cannot use the key file {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file holds no ECDSA P-256 key in PKCS #8.
    #[error("{} holds no ECDSA P-256 private key in PKCS #8 (DER)", .0.display())]
    NotAKey(PathBuf),
    /// The file does not hold 32 bytes.
    #[error("{} does not hold a key of 32 bytes", .0.display())]
    NotASecret(PathBuf),
    /// No key could be generated.
    #[error("cannot generate a key")]
    Generate,
}

impl SigningKey {
    /// Reads a key, or makes one where there is no such file. The file is for its owner alone.
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File {
            path: path.to_owned(),
            source,
        };
        let der = match fs::read(path) {
            Ok(der) => der,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .map_err(|_| KeyError::Generate)?;
                let der = pair
                    .to_pkcs8v1()
                    .map_err(|_| KeyError::Generate)?
                    .as_ref()
                    .to_vec();
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(path)
                    .map_err(failed)?;
                file.write_all(&der)
                    .and_then(|()| file.sync_all())
                    .map_err(failed)?;
                der
            }
            Err(error) => return Err(failed(error)),
        };
        Self::from_pkcs8(&der).ok_or_else(|| KeyError::NotAKey(path.to_owned()))
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).ok()?;
        // SEC 1 §2.3.3, uncompressed: 4, x, y.
        let [4, point @ ..] = pair.public_key().as_ref() else {
            return None;
        };
        let (x, y) = point.split_at_checked(32)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638 §3.2: the required members in this order, without white space.
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, thumbprint.as_bytes());
        let id = URL_SAFE_NO_PAD.encode(digest.as_ref());
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": id,
        });
        Some(Self {
            encoding: EncodingKey::from_ec_der(der),
            id,
            jwk,
        })
    }

    /// `kid` of tokens signed with it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    pub(crate) fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_is_kept_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.p8");
        let first = SigningKey::load_or_create(&path).unwrap();
        let second = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(first.jwk(), second.jwk());
        assert!(first.jwk().get("d").is_none(), "the private half stays here");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, b"not a key").unwrap();
        assert!(matches!(
            SigningKey::load_or_create(&path),
            Err(KeyError::NotAKey(_))
        ));
    }
}
