//! Proof key for code exchange, method S256 (RFC 7636). Pure.

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `code_challenge`: the SHA-256 of a verifier that only the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge([u8; digest::SHA256_OUTPUT_LEN]);

impl Challenge {
    /// Reads `code_challenge`: none where it is no digest.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digest = URL_SAFE_NO_PAD.decode(text).ok()?;
        digest.try_into().ok().map(Self)
    }

    /// Whether `verifier` is the one (RFC 7636 §4.6): 43 to 128 unreserved characters (§4.1).
    pub(super) fn is_met_by(&self, verifier: &str) -> bool {
        let well_formed = (43..=128).contains(&verifier.len())
            && verifier
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let digest = digest::digest(&digest::SHA256, verifier.as_bytes());
        well_formed && constant_time::verify_slices_are_equal(&self.0, digest.as_ref()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_holds() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(challenge.is_met_by(verifier));
        for wrong in ["", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", &verifier[1..]] {
            assert!(!challenge.is_met_by(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_short_verifier_is_none_however_its_digest() {
        let short = "too-short";
        let digest = digest::digest(&digest::SHA256, short.as_bytes());
        let challenge = Challenge::parse(&URL_SAFE_NO_PAD.encode(digest)).unwrap();
        assert!(!challenge.is_met_by(short));
    }

    #[test]
    fn what_is_no_digest_is_no_challenge() {
        for bad in [
            "",
            "plain",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            &"a".repeat(44),
        ] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
    }
}
