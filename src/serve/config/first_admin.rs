//! Who administers a new installation.

use std::{fmt::Display, str::FromStr};

use onedoor_admin::{AdminClaim, FirstAdmin};

use super::{
    inputs::FirstAdminInputs,
    source::{Fault, Faults, Given},
};

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
