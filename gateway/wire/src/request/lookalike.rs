//! Keys that another reader might take for one we know.

/// The key in `known` that `key` differs from only by case, if there is one.
///
/// Case is folded as lenient readers do it, Go's `encoding/json` for one: ASCII, and the two letters beyond it that
/// fold into ASCII, `ſ` (U+017F) and the Kelvin sign (U+212A).
pub(crate) fn look_alike(key: &str, known: &[&'static str]) -> Option<&'static str> {
    known
        .iter()
        .copied()
        .find(|known| *known != key && key.chars().map(fold).eq(known.chars().map(fold)))
}

fn fold(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}
