//! The signing key: made on the first start, kept in the state directory.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::endpoints::TokenVersion;

/// File in the state directory: an RSA private key, PKCS #8 in PEM.
const FILE: &str = "idp-signing-key.pem";

/// Why there is no signing key. The operator's to mend; a repeat helps only once the state directory is mended.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The state directory or the file in it cannot be read.
    #[error("cannot read the identity provider's key {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The new key cannot be stored.
    #[error("cannot store the identity provider's key {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system's random source failed.
    #[error("cannot generate an RSA key")]
    Generate,
    /// The file is no RSA key; remove it to get a new one.
    #[error("{} holds no RSA private key", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: jsonwebtoken::errors::Error,
    },
}

/// An RSA key of 2048 bits that signs with RS256. Its `kid` is the RFC 7638 thumbprint.
pub(super) struct SigningKey {
    private: EncodingKey,
    kid: String,
    public: JwkSet,
    verifying: DecodingKey,
}

impl SigningKey {
    /// Reads the key from `state_dir`, or makes it there.
    pub(super) fn load_or_create(state_dir: &Path) -> Result<Self, KeyError> {
        let path = state_dir.join(FILE);
        let pem = match std::fs::read(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let pem = generate()?.into_bytes();
                store(state_dir, &path, &pem).map_err(|source| KeyError::Write {
                    path: path.clone(),
                    source,
                })?;
                pem
            }
            Err(source) => return Err(KeyError::Read { path, source }),
        };
        Self::from_pem(&pem).map_err(|source| KeyError::Invalid { path, source })
    }

    fn from_pem(pem: &[u8]) -> jsonwebtoken::errors::Result<Self> {
        let private = EncodingKey::from_rsa_pem(pem)?;
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::RS256)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        // Entra's keys do not say their algorithm.
        jwk.common.key_algorithm = None;
        Ok(Self {
            private,
            kid,
            verifying: DecodingKey::from_jwk(&jwk)?,
            public: JwkSet { keys: vec![jwk] },
        })
    }

    /// A signed JWT.
    pub(super) fn sign(&self, version: TokenVersion, claims: &impl Serialize) -> Result<String, SignError> {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        header.x5t = match version {
            // A legacy of v1.0 tokens: the same value once more.
            TokenVersion::V1 => Some(self.kid.clone()),
            TokenVersion::V2 => None,
        };
        Ok(jsonwebtoken::encode(&header, claims, &self.private)?)
    }

    /// The claims of a JWT that was signed with this key and stands the validation.
    pub(super) fn verified<T: DeserializeOwned>(
        &self,
        token: &str,
        validation: &Validation,
    ) -> jsonwebtoken::errors::Result<T> {
        jsonwebtoken::decode(token, &self.verifying, validation).map(|token| token.claims)
    }

    /// The public half, as the keys endpoint serves it.
    pub(super) fn public(&self) -> &JwkSet {
        &self.public
    }
}

/// The token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("signing failed")]
pub(super) struct SignError(#[from] jsonwebtoken::errors::Error);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn generate() -> Result<String, KeyError> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Generate)?;
    let der: Pkcs8V1Der<'static> = pair.as_der().map_err(|_| KeyError::Generate)?;
    Ok(pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref())))
}

/// Whole or not at all: written beside (mode 0600, as `tempfile` makes it), then renamed.
fn store(state_dir: &Path, path: &Path, pem: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(state_dir)?;
    let mut file = tempfile::NamedTempFile::new_in(state_dir)?;
    file.write_all(pem)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}
