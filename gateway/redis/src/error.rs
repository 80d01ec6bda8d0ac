//! What can go wrong: options, which are the operator's to mend, and Redis itself, which nobody has to mind.

use onedoor_model::registry::SecretRef;
use onedoor_secrets::SecretError;

/// Redis did not answer, or not usefully. It may the next time; whoever asked goes on without it. Counted and logged where it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub struct Away;

/// Options that cannot work. The operator's fault; a repeat helps once they are mended. Names references, never content.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The URL has another form.
    #[error(
        "the URL of Redis must be redis://[user@]host[:port][/database] or, with TLS, rediss://… and no more"
    )]
    Url,
    /// The URL holds a password.
    #[error("the URL of Redis must not hold a password: name the place of it in `password`")]
    PasswordInUrl,
    /// There is something to TLS in the options, and no TLS.
    #[error("certificates for Redis are of use with rediss:// alone")]
    CertificatesWithoutTls,
    /// One of a certificate and its key is there, the other is not.
    #[error("a client certificate for Redis needs its key, and a key its certificate")]
    HalfAnIdentity,
    /// A certificate, an authority or a key is not what it should be.
    #[error("the TLS material for Redis cannot be used")]
    Tls(#[source] redis::RedisError),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A password that is no text.
    #[error("the secret {0} is no UTF-8 text")]
    NotText(SecretRef),
    /// There is no key.
    #[error("what is kept in Redis needs a key: name the place of one in `keys`")]
    NoKey,
    /// A key of another form.
    #[error("the secret {0} is not 32 bytes in Base64, as `openssl rand -base64 32` makes them")]
    NotAKey(SecretRef),
}
