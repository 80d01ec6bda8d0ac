//! Text from elsewhere, made harmless: a tool that is named with escape codes must not rewrite an auditor's screen.

use std::{borrow::Cow, fmt::Write as _};

/// One line of text for a screen or a spreadsheet. What moves a cursor, changes colours, breaks the line, hides, or turns the
/// direction of writing is shown as `\u{1b}`.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    replace(text, is_active, |c, harmless| harmless.extend(c.escape_unicode()))
}

/// JSON that means the same. Within its strings, the same characters are written as escapes (RFC 8259 §7).
pub(super) fn json(document: &str) -> Cow<'_, str> {
    // A line break in valid JSON stands between tokens.
    let active = |c| is_active(c) && !matches!(c, '\n' | '\r' | '\t');
    replace(document, active, |c, harmless| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _written = write!(harmless, "\\u{unit:04x}");
        }
    })
}

/// A spreadsheet's cell that is text, whatever it starts with. A formula would run on the machine of whoever opens the file
/// (OWASP, "CSV Injection").
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    let text = line(text);
    if text.starts_with(['=', '+', '-', '@']) {
        Cow::Owned(format!("'{text}"))
    } else {
        text
    }
}

fn replace(text: &str, active: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(&active) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if active(c) {
            escape(c, &mut harmless);
        } else {
            harmless.push(c);
        }
    }
    Cow::Owned(harmless)
}

/// Control characters (C0, DEL, C1), separators of lines, and the invisible characters of format that reorder or hide text. The
/// joiners U+200C and U+200D stay: names in several scripts need them.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clear screen, title by C1, overwritten line, right-to-left override, invisible tag.
    const ATTACKS: [&str; 6] = [
        "\u{1b}[2Jpay",
        "\u{9d}0;root\u{7}",
        "good\rbad",
        "a\nb",
        "\u{202e}gpj.exe",
        "x\u{e0041}y",
    ];

    #[test]
    fn nothing_active_is_left_on_a_line() {
        for attack in ATTACKS {
            let harmless = line(attack);
            assert!(!harmless.contains(is_active), "{harmless:?}");
            assert!(harmless.contains("\\u{"), "{harmless:?}");
        }
        assert_eq!(line("\u{1b}[31mred"), "\\u{1b}[31mred");
        for c in (0..0x11_0000)
            .filter_map(char::from_u32)
            .filter(|c| c.is_control())
        {
            assert!(line(&c.to_string()).starts_with("\\u{"), "{c:?}");
        }
    }

    #[test]
    fn ordinary_text_is_not_touched() {
        for text in [
            "",
            "Ana Lyst (1a6d)",
            "Łukasz Müller 李",
            "क्‍ष",
            "\\u{1b}",
            "Ngu\u{6f}\u{302}n",
        ] {
            assert!(
                matches!(line(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        for attack in ATTACKS {
            let value = serde_json::json!({ attack: [attack, 1.5] });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let harmless = json(&pretty);
            assert!(!harmless.contains(|c| is_active(c) && c != '\n'), "{harmless:?}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&harmless).unwrap(),
                value
            );
        }
        // Negative control: serde_json itself lets a C1 control through.
        assert!(serde_json::to_string("\u{9b}2J").unwrap().contains('\u{9b}'));
    }

    #[test]
    fn a_cell_is_never_a_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"] {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
        assert_eq!(cell("\t=1"), "\\u{9}=1");
        assert_eq!(cell("a=b"), "a=b");
        assert_eq!(cell(""), "");
    }
}
