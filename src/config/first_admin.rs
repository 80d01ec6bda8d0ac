//! Who administers a new installation.

use std::{fmt::Display, str::FromStr};

use onedoor_admin::{AdminClaim, FirstAdmin};

use super::{
    document::Document,
    section::{Section, at},
    source::{Fault, Faults, Given},
};

/// What was given for a first admin, before it is judged.
#[derive(Debug)]
pub(super) struct FirstAdminInputs {
    /// The place of the whole, for faults of it.
    whole: Given<()>,
    issuer: Option<Given<String>>,
    tenant: Option<Given<String>>,
    user: Option<Given<String>>,
    group: Option<Given<String>>,
    role: Option<Given<String>>,
}

impl FirstAdminInputs {
    pub(super) fn read_all(document: &Document, root: &mut Section<'_>, faults: &mut Faults) -> Vec<Self> {
        const LIST: &str = "firstAdmins";
        let mut admins = Vec::new();
        for (index, value) in root.list(LIST, faults).iter().enumerate() {
            let mut section = Section::of(document, index, LIST, value, faults);
            if section.is_unreadable() {
                continue;
            }
            admins.push(Self {
                whole: at(document, &format!("/{LIST}/{index}"), ()),
                issuer: section.text("issuer", faults),
                tenant: section.text("tenant", faults),
                user: section.text("user", faults),
                group: section.text("group", faults),
                role: section.text("role", faults),
            });
            section.close(faults);
        }
        admins
    }
}

/// Those that are without fault.
pub(super) fn judge(inputs: Vec<FirstAdminInputs>, faults: &mut Faults) -> Vec<FirstAdmin> {
    let admins = inputs.into_iter().filter_map(|admin| one(admin, faults));
    admins.collect()
}

fn one(inputs: FirstAdminInputs, faults: &mut Faults) -> Option<FirstAdmin> {
    let whole = &inputs.whole;
    let issuer = required(inputs.issuer, whole, "issuer", faults);
    let tenant = required(inputs.tenant, whole, "tenant", faults);
    let claim = match (inputs.user, inputs.group, inputs.role) {
        (Some(user), None, None) => faults.keep(name(&user)).map(AdminClaim::User),
        (None, Some(group), None) => faults.keep(name(&group)).map(AdminClaim::Group),
        (None, None, Some(role)) => faults.keep(name(&role)).map(AdminClaim::Role),
        (Some(_) | None, Some(_) | None, Some(_) | None) => {
            faults.add(whole.fault(
                "names neither one user nor one group nor one role",
                "give exactly one: user = \"object id\", group = \"…\" or role = \"…\"",
            ));
            None
        }
    };
    Some(FirstAdmin {
        issuer: issuer?,
        tenant: tenant?,
        claim: claim?,
    })
}

fn required<T>(given: Option<Given<String>>, whole: &Given<()>, key: &str, faults: &mut Faults) -> Option<T>
where
    T: FromStr,
    T::Err: Display,
{
    match given {
        Some(given) => faults.keep(name(&given)),
        None => {
            faults.add(whole.fault(format!("`{key}` is missing"), "add it"));
            None
        }
    }
}

fn name<T>(given: &Given<String>) -> Result<T, Fault>
where
    T: FromStr,
    T::Err: Display,
{
    given
        .value
        .parse()
        .map_err(|error: T::Err| given.fault(error.to_string(), "mend it"))
}
