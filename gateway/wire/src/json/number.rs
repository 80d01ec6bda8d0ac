//! Numbers (RFC 8259 section 6).

use super::{JsonError, JsonFault};

/// Digits a number needs before it can exceed a double (the largest has 309) without an exponent.
const SURELY_FINITE_LEN: usize = 300;

/// Largest integer that every reader of JSON holds exactly: 2⁵³ − 1.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// The exact value of a JSON number, however it is spelt: `42`, `42.0` and `4.2e1` are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// Never set for zero.
    negative: bool,
    /// Significant digits, without zeros at either end; empty for zero.
    digits: String,
    /// Power of ten of the last digit; 0 for zero.
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number; `None` if `raw` is anything else, or its exponent does not fit an `i64`.
    #[must_use]
    pub fn parse(raw: &str) -> Option<Self> {
        if scan(raw, 0) != Ok(raw.len()) {
            return None;
        }
        let (negative, unsigned) = raw
            .strip_prefix('-')
            .map_or((false, raw), |unsigned| (true, unsigned));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let kept = digits.trim_end_matches('0');
        let shift = i64::try_from(digits.len() - kept.len()).ok()? - i64::try_from(fraction.len()).ok()?;
        let significant = kept.trim_start_matches('0');
        if significant.is_empty() {
            return Some(Self {
                negative: false,
                digits: String::new(),
                exponent: 0,
            });
        }
        Some(Self {
            negative,
            digits: significant.to_owned(),
            exponent: exponent.checked_add(shift)?,
        })
    }

    /// The number as an integer between −2⁵³ + 1 and 2⁵³ − 1; `None` if it is none.
    #[must_use]
    pub fn as_safe_integer(&self) -> Option<i64> {
        let mut value: u64 = if self.digits.is_empty() {
            0
        } else {
            self.digits.parse().ok()?
        };
        for _ in 0..u64::try_from(self.exponent).ok()? {
            value = value.checked_mul(10)?;
        }
        let value = i64::try_from(value).ok().filter(|_| value <= MAX_SAFE_INTEGER)?;
        Some(if self.negative { -value } else { value })
    }

    /// Whether `raw`, a checked JSON number, is written without fraction and exponent.
    #[must_use]
    pub fn is_integer_literal(raw: &str) -> bool {
        !raw.contains(['.', 'e', 'E'])
    }
}

/// Checks the number that begins at `start` and gives the offset behind it.
#[inline]
pub(super) fn scan(text: &str, start: usize) -> Result<usize, JsonError> {
    let bytes = text.as_bytes();
    let mut at = start;
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at) {
        Some(b'0') => at + 1,
        _ => digits(bytes, at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = digits(bytes, at + 1)?;
    }
    let has_exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
    if has_exponent {
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(bytes, at)?;
    }
    // `01`, `1.2.3`, `1x`: what follows a number must not look like more of it.
    if matches!(
        bytes.get(at),
        Some(b'0'..=b'9' | b'.' | b'-' | b'+' | b'a'..=b'z' | b'A'..=b'Z')
    ) {
        return Err(JsonFault::BadNumber.at(at));
    }
    let may_overflow = has_exponent || at - start > SURELY_FINITE_LEN;
    if may_overflow && !text[start..at].parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(JsonFault::NumberOutOfRange.at(start));
    }
    Ok(at)
}

/// Goes past one or more digits.
#[inline]
fn digits(bytes: &[u8], start: usize) -> Result<usize, JsonError> {
    let rest = bytes.get(start..).unwrap_or_default();
    let count = rest
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(rest.len());
    match (count, rest.is_empty()) {
        (0, true) => Err(JsonFault::Truncated.at(bytes.len())),
        (0, false) => Err(JsonFault::BadNumber.at(start)),
        (count, _) => Ok(start + count),
    }
}
