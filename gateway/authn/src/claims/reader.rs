//! Claims read one by one, each strictly of its type.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::TokenFault;

/// Characters of a display name that are kept, at most.
const DISPLAY_NAME: usize = 256;

/// Characters of a token's id, at most.
const TOKEN_ID: usize = 256;

/// The claims of a token. They are printed nowhere.
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads a payload that was already found to be a JSON object without duplicate keys.
    ///
    /// # Errors
    /// When it is none after all.
    pub fn read(payload: &[u8]) -> Result<Self, TokenFault> {
        serde_json::from_slice(payload)
            .map(Self)
            .map_err(|_| malformed("payload"))
    }

    /// `iss`. Until the signature is verified it only says whose keys to try.
    ///
    /// # Errors
    /// When it is missing or no text.
    pub fn issuer(&self) -> Result<String, TokenFault> {
        self.text("iss")?.ok_or(TokenFault::ClaimMissing { claim: "iss" })
    }

    /// `tid`, if there is one.
    ///
    /// # Errors
    /// When it is no text.
    pub fn tenant(&self) -> Result<Option<String>, TokenFault> {
        self.text("tid")
    }

    pub(super) fn text(&self, claim: &'static str) -> Result<Option<String>, TokenFault> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(malformed(claim)),
        }
    }

    /// A name of some kind.
    pub(super) fn name<T: FromStr>(&self, claim: &'static str) -> Result<Option<T>, TokenFault> {
        self.text(claim)?
            .map(|text| text.parse().map_err(|_| malformed(claim)))
            .transpose()
    }

    /// An array of names, all of which must be valid.
    pub(super) fn names<T: FromStr + Ord>(
        &self,
        claim: &'static str,
    ) -> Result<Option<BTreeSet<T>>, TokenFault> {
        let Some(value) = self.0.get(claim) else {
            return Ok(None);
        };
        let values = value.as_array().ok_or(malformed(claim))?;
        let read = |value: &Value| {
            value
                .as_str()
                .and_then(|text| text.parse().ok())
                .ok_or(malformed(claim))
        };
        values.iter().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// Names separated by spaces.
    pub(super) fn words<T: FromStr + Ord>(
        &self,
        claim: &'static str,
    ) -> Result<Option<BTreeSet<T>>, TokenFault> {
        let Some(text) = self.text(claim)? else {
            return Ok(None);
        };
        let words = text.split(' ').filter(|word| !word.is_empty());
        words
            .map(|word| word.parse().map_err(|_| malformed(claim)))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// `aud`: a text, or an array of them.
    pub(super) fn audiences(&self) -> Result<Vec<String>, TokenFault> {
        let claim = "aud";
        let read = |value: &Value| value.as_str().map(str::to_owned).ok_or(malformed(claim));
        match self.0.get(claim) {
            None => Err(TokenFault::ClaimMissing { claim }),
            Some(Value::Array(values)) => values.iter().map(read).collect(),
            Some(value) => read(value).map(|audience| vec![audience]),
        }
    }

    /// A time, in whole seconds since 1970. Fractions, which RFC 7519 would allow, are written by no issuer in use.
    pub(super) fn time(&self, claim: &'static str) -> Result<Option<Timestamp>, TokenFault> {
        let Some(value) = self.0.get(claim) else {
            return Ok(None);
        };
        let seconds = value
            .as_i64()
            .filter(|seconds| *seconds >= 0)
            .ok_or(malformed(claim))?;
        Timestamp::from_second(seconds)
            .map(Some)
            .map_err(|_| malformed(claim))
    }

    pub(super) fn required_time(&self, claim: &'static str) -> Result<Timestamp, TokenFault> {
        self.time(claim)?.ok_or(TokenFault::ClaimMissing { claim })
    }

    /// `uti` (Entra), else `jti`.
    pub(super) fn token_id(&self) -> Result<Option<String>, TokenFault> {
        for claim in ["uti", "jti"] {
            if let Some(id) = self.text(claim)? {
                let sane = (1..=TOKEN_ID).contains(&id.len()) && !id.chars().any(char::is_control);
                return if sane { Ok(Some(id)) } else { Err(malformed(claim)) };
            }
        }
        Ok(None)
    }

    /// For people to read: a claim that is of another form is as good as none.
    pub(super) fn display_name(&self) -> Option<String> {
        let claims = [
            "name",
            "preferred_username",
            "upn",
            "unique_name",
            "app_displayname",
        ];
        let shown = |claim: &&str| self.0.get(*claim).and_then(Value::as_str).map(printable);
        claims.iter().filter_map(shown).find(|name| !name.is_empty())
    }

    /// Whether there are more groups than the token lists: Entra's `_claim_names.groups` with its source, or
    /// `hasgroups` where there was no room even for that.
    pub(super) fn has_group_overage(&self) -> Result<bool, TokenFault> {
        let elsewhere = match self.0.get("_claim_names") {
            None => false,
            Some(Value::Object(names)) => names.contains_key("groups"),
            Some(_) => return Err(malformed("_claim_names")),
        };
        let has_groups = match self.0.get("hasgroups") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            // Written as a text by some flows.
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => true,
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(malformed("hasgroups")),
        };
        Ok(elsewhere || has_groups || self.0.contains_key("groups:src1"))
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claims(…)")
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(DISPLAY_NAME)
        .collect()
}

fn malformed(claim: &'static str) -> TokenFault {
    TokenFault::ClaimMalformed { claim }
}
