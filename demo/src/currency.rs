//! Currencies and their conversion. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// ISO 4217 code
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub(crate) enum Currency {
    Eur,
    Usd,
    Gbp,
    Chf,
}

/// What becomes of a fraction of a cent: to the nearest, halves up, or cut off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(crate) enum Rounding {
    #[default]
    HalfUp,
    Down,
}

impl Currency {
    /// Millionths of a unit that one euro buys.
    fn per_euro(self) -> u64 {
        match self {
            Self::Eur => 1_000_000,
            Self::Usd => 1_085_000,
            Self::Gbp => 843_000,
            Self::Chf => 952_000,
        }
    }

    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Eur, Self::Usd, Self::Gbp, Self::Chf];

    /// The currency with this code.
    pub(crate) fn named(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.code() == code)
    }

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Eur => "EUR",
            Self::Usd => "USD",
            Self::Gbp => "GBP",
            Self::Chf => "CHF",
        }
    }

    /// An amount for people: `EUR 12.05`.
    pub(crate) fn write(self, cents: u64) -> String {
        format!("{} {}.{:02}", self.code(), cents / 100, cents % 100)
    }
}

/// `cents` of `from` in cents of `to`. Saturates far above any amount that the tools accept.
pub(crate) fn convert(cents: u64, from: Currency, to: Currency, rounding: Rounding) -> u64 {
    let divisor = u128::from(from.per_euro());
    let product = u128::from(cents) * u128::from(to.per_euro());
    let rounded = match rounding {
        Rounding::HalfUp => (product + divisor / 2) / divisor,
        Rounding::Down => product / divisor,
    };
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

/// Units of `to` for one unit of `from`, to show.
#[expect(clippy::cast_precision_loss, reason = "rates are below 2^53")]
pub(crate) fn rate(from: Currency, to: Currency) -> f64 {
    to.per_euro() as f64 / from.per_euro() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Currency::{Chf, Eur, Gbp, Usd};
    use super::Rounding::{Down, HalfUp};
    use super::*;

    #[test]
    fn amounts_convert_and_round() {
        for (cents, from, to, rounding, expected) in [
            (10_000, Eur, Usd, HalfUp, 10_850),
            (10_000, Usd, Eur, HalfUp, 9_217),
            (10_000, Usd, Eur, Down, 9_216),
            (1, Eur, Gbp, HalfUp, 1),
            (1, Eur, Gbp, Down, 0),
            (1_234, Chf, Chf, Down, 1_234),
        ] {
            assert_eq!(
                convert(cents, from, to, rounding),
                expected,
                "{cents} {from:?} {to:?} {rounding:?}"
            );
        }
        assert_eq!(Eur.write(1_205), "EUR 12.05");
    }

    fn any_currency() -> impl Strategy<Value = Currency> {
        prop_oneof![Just(Eur), Just(Usd), Just(Gbp), Just(Chf)]
    }

    proptest! {
        #[test]
        fn there_and_back_loses_at_most_the_roundings(
            cents in 1..=1_000_000_000_000u64, from in any_currency(), to in any_currency()
        ) {
            let back = convert(convert(cents, from, to, HalfUp), to, from, HalfUp);
            prop_assert!(back.abs_diff(cents) <= 1, "{back} from {cents}");
        }

        #[test]
        fn rounding_down_never_gives_more(cents in 0..=1_000_000_000_000u64, from in any_currency(), to in any_currency()) {
            let (half_up, down) = (convert(cents, from, to, HalfUp), convert(cents, from, to, Down));
            prop_assert!(half_up == down || half_up == down + 1);
        }
    }
}
