//! The staff of the imaginary company. Pure.

use schemars::JsonSchema;
use serde::Serialize;

/// Days of vacation everyone has in a year.
pub(super) const VACATION_DAYS: u32 = 28;
/// How many people there are.
pub(super) const COUNT: u64 = STAFF.len() as u64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) struct Employee {
    id: &'static str,
    name: &'static str,
    team: &'static str,
}

/// Everyone, with the days of vacation taken this year.
const STAFF: [(Employee, u32); 6] = [
    (
        Employee {
            id: "E-1001",
            name: "Ana Lyst",
            team: "Finance",
        },
        12,
    ),
    (
        Employee {
            id: "E-1002",
            name: "Bill Payer",
            team: "Finance",
        },
        28,
    ),
    (
        Employee {
            id: "E-1003",
            name: "Max Nager",
            team: "HR",
        },
        5,
    ),
    (
        Employee {
            id: "E-1004",
            name: "Addie Min",
            team: "Platform",
        },
        0,
    ),
    (
        Employee {
            id: "E-1005",
            name: "Audrey Tor",
            team: "Audit",
        },
        20,
    ),
    (
        Employee {
            id: "E-1006",
            name: "Otto Owner",
            team: "Platform",
        },
        17,
    ),
];

/// Those whose name or team contains `query`, in any case.
pub(super) fn find(query: &str) -> impl Iterator<Item = Employee> {
    let query = query.to_lowercase();
    let contains = move |text: &str| text.to_lowercase().contains(&query);
    STAFF
        .iter()
        .map(|(employee, _)| *employee)
        .filter(move |employee| contains(employee.name) || contains(employee.team))
}

/// The employee with this id, and the days of vacation taken.
pub(super) fn employee(id: &str) -> Option<(Employee, u32)> {
    STAFF.iter().copied().find(|(employee, _)| employee.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_found_by_name_and_team() {
        for (query, ids) in [
            ("ana", &["E-1001"][..]),
            ("FINANCE", &["E-1001", "E-1002"]),
            ("nager", &["E-1003"]),
            ("nobody", &[]),
        ] {
            assert_eq!(
                find(query).map(|employee| employee.id).collect::<Vec<_>>(),
                ids,
                "{query}"
            );
        }
        assert_eq!(employee("E-1002").map(|(_, taken)| taken), Some(VACATION_DAYS));
        assert_eq!(employee("E-1"), None);
    }
}
