//! A state as bytes, so that somebody else can go on folding from it instead of from the beginning of the log.

use imbl::OrdMap;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::value::RawValue;

use crate::{
    ids::VersionNumber,
    manifest,
    registry::{RegistryEvent, ServerVersion, State, Touch},
};

/// What the bytes hold. **It is raised with every change of what the state holds, or of what the fold makes of an event**: a state of
/// another form is not read, and whoever wanted it folds the log instead.
const FORM: u32 = 1;

/// Bytes that are no state of this form. Not an error of the log: fold it from its beginning.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableState {
    /// Another version of Onedoor wrote it.
    #[error("the state is of form {found}, and this version of Onedoor reads form {FORM}")]
    OtherForm {
        /// Its form.
        found: u32,
    },
    /// Damaged, or not a state.
    #[error("the bytes are no registry state")]
    Damaged(#[from] serde_json::Error),
}

#[derive(Serialize)]
struct Written<'a> {
    form: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct Read<'a> {
    form: u32,
    #[serde(borrow)]
    state: &'a RawValue,
}

/// A version without what can be read out of its manifest's text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BareVersion {
    number: VersionNumber,
    manifest_text: String,
    submitted: Touch,
    approved: Option<Touch>,
}

impl State {
    /// The state as bytes: equal bytes for equal states.
    ///
    /// # Errors
    /// The state cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Written {
            form: FORM,
            state: self,
        })
    }

    /// The state that [`State::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`UnreadableState`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableState> {
        let read: Read<'_> = serde_json::from_slice(bytes)?;
        if read.form == FORM {
            Ok(serde_json::from_str(read.state.get())?)
        } else {
            Err(UnreadableState::OtherForm { found: read.form })
        }
    }
}

impl TryFrom<BareVersion> for ServerVersion {
    type Error = String;

    fn try_from(bare: BareVersion) -> Result<Self, String> {
        let manifest = manifest::read(bare.manifest_text.as_bytes())
            .map_err(|_| format!("the manifest of version {} cannot be read", bare.number))?;
        Ok(Self {
            number: bare.number,
            manifest,
            manifest_text: bare.manifest_text,
            submitted: bare.submitted,
            approved: bare.approved,
        })
    }
}

/// Writes a map whose keys are no text.
pub(super) fn as_pairs<K: Serialize + Ord, V: Serialize, S: serde::Serializer>(
    map: &OrdMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.iter())
}

/// Reads what [`as_pairs`] wrote.
pub(super) fn from_pairs<'de, K, V, D>(deserializer: D) -> Result<OrdMap<K, V>, D::Error>
where
    K: Deserialize<'de> + Ord + Clone,
    V: Deserialize<'de> + Clone,
    D: Deserializer<'de>,
{
    Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
}

/// Reads [`Touch::what`]: one of the names of changes there are.
pub(super) fn change_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    let text = String::deserialize(deserializer)?;
    // A kind is "dev.onedoor.", the change's name, and its version.
    let mut names = RegistryEvent::KINDS
        .iter()
        .filter_map(|kind| kind.split('.').nth(2));
    names
        .find(|name| *name == text)
        .ok_or_else(|| de::Error::custom(format!("there is no change {text:?}")))
}
