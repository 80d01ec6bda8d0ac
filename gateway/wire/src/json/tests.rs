use std::{borrow::Cow, collections::BTreeMap};

use proptest::prelude::*;
use serde_json::json;

use super::{Document, JsonError, JsonFault, Kind, MAX_DEPTH, Value, oracle};

fn check(text: impl AsRef<[u8]>) -> Result<(), JsonError> {
    Document::new(text.as_ref())?.check()
}

/// Builds the value through the reader's own visits, so that they can be compared with the oracle's.
fn build(value: Value<'_, '_>) -> Result<serde_json::Value, JsonError> {
    match value.kind() {
        Kind::Object => {
            let mut members = serde_json::Map::new();
            value.members(|key, value| {
                members.insert(key.into_owned(), build(value)?);
                Ok::<_, JsonError>(())
            })?;
            Ok(members.into())
        }
        Kind::String => Ok(value.string()?.expect("is a string").into()),
        Kind::Array | Kind::Number | Kind::Bool | Kind::Null => {
            Ok(serde_json::from_str(value.raw()?).expect("a checked span is JSON"))
        }
    }
}

fn read(text: &[u8]) -> Result<serde_json::Value, JsonError> {
    Document::new(text)?.read(build)
}

#[test]
fn each_refusal_has_its_fault_and_offset() {
    let table: &[(&[u8], JsonFault, usize)] = &[
        (b"", JsonFault::Empty, 0),
        (b" \t\r\n", JsonFault::Empty, 4),
        (b"\xEF\xBB\xBF{}", JsonFault::ByteOrderMark, 0),
        (b"\xFF\xFE{\0}\0", JsonFault::InvalidUtf8, 0),
        (b"{\"a\":\"\xC3\"}", JsonFault::InvalidUtf8, 6),
        (b"\"\xED\xA0\x80\"", JsonFault::InvalidUtf8, 1),
        (b"\"\xC0\xAF\"", JsonFault::InvalidUtf8, 1),
        (b"{} x", JsonFault::TrailingBytes, 3),
        (b"{}{}", JsonFault::TrailingBytes, 2),
        (b"{}\0", JsonFault::TrailingBytes, 2),
        (b"1 2", JsonFault::TrailingBytes, 2),
        (b"{", JsonFault::Truncated, 1),
        (b"[1,", JsonFault::Truncated, 3),
        (b"[1", JsonFault::Truncated, 2),
        (b"{\"a", JsonFault::Truncated, 3),
        (b"{\"a\"", JsonFault::Truncated, 4),
        (b"{\"a\":", JsonFault::Truncated, 5),
        (b"{\"a\":1", JsonFault::Truncated, 6),
        (b"{\"a\":1,", JsonFault::Truncated, 7),
        (b"\"\\", JsonFault::Truncated, 2),
        (b"\"\\u12", JsonFault::Truncated, 5),
        (b"tru", JsonFault::Truncated, 3),
        (b"-", JsonFault::Truncated, 1),
        (b"1.", JsonFault::Truncated, 2),
        (b"1e", JsonFault::Truncated, 2),
        (br#"{"a":1,"b":2,"a":3}"#, JsonFault::DuplicateKey, 13),
        (br#"{"a":1,"\u0061":3}"#, JsonFault::DuplicateKey, 7),
        (br#"{"\u0061":1,"\x61":3}"#, JsonFault::BadEscape, 13),
        (br#"[{"x":{"k":[{"a":1,"a":1}]}}]"#, JsonFault::DuplicateKey, 19),
        (
            br#"{"\ud83d\ude00":1,"\uD83D\uDE00":1}"#,
            JsonFault::DuplicateKey,
            18,
        ),
        (br#"{"":1,"":1}"#, JsonFault::DuplicateKey, 6),
        (br#""\ud800""#, JsonFault::LoneSurrogate, 1),
        (br#""\ud800x""#, JsonFault::LoneSurrogate, 1),
        (br#""\ud800\n""#, JsonFault::LoneSurrogate, 1),
        (br#""\ud800\ud800""#, JsonFault::LoneSurrogate, 1),
        (br#""\ud800\udbff""#, JsonFault::LoneSurrogate, 1),
        (br#""\ud800\ue000""#, JsonFault::LoneSurrogate, 1),
        (br#""\ud800\\udc00""#, JsonFault::LoneSurrogate, 1),
        (br#""\udc00""#, JsonFault::LoneSurrogate, 1),
        (br#""\udc00\ud800""#, JsonFault::LoneSurrogate, 1),
        (br#"{"\udfff":1}"#, JsonFault::LoneSurrogate, 2),
        (br#""\q""#, JsonFault::BadEscape, 1),
        (br#""\u12g4""#, JsonFault::BadEscape, 1),
        (br#""\u+123""#, JsonFault::BadEscape, 1),
        (b"\"a\nb\"", JsonFault::ControlCharacter, 2),
        (b"\"0123456789\x1F\"", JsonFault::ControlCharacter, 11),
        (b"\"\0\"", JsonFault::ControlCharacter, 1),
        (b"{\"\t\":1}", JsonFault::ControlCharacter, 2),
        (b"01", JsonFault::BadNumber, 1),
        (b"-01", JsonFault::BadNumber, 2),
        (b"1.e3", JsonFault::BadNumber, 2),
        (b"1.2.3", JsonFault::BadNumber, 3),
        (b"-x", JsonFault::BadNumber, 1),
        (b"1x", JsonFault::BadNumber, 1),
        (b"0x10", JsonFault::BadNumber, 1),
        (b"1e+", JsonFault::Truncated, 3),
        (b"1e+]", JsonFault::BadNumber, 3),
        (b"[1e400]", JsonFault::NumberOutOfRange, 1),
        (b"[-1e400]", JsonFault::NumberOutOfRange, 1),
        (b"+1", JsonFault::Unexpected, 0),
        (b".5", JsonFault::Unexpected, 0),
        (b"NaN", JsonFault::Unexpected, 0),
        (b"nul]", JsonFault::Unexpected, 0),
        (b"truE", JsonFault::Unexpected, 0),
        (b"[1,]", JsonFault::Unexpected, 3),
        (b"[,1]", JsonFault::Unexpected, 1),
        (b"[1 2]", JsonFault::Unexpected, 3),
        (b"{\"a\":1,}", JsonFault::Unexpected, 7),
        (b"{,}", JsonFault::Unexpected, 1),
        (b"{a:1}", JsonFault::Unexpected, 1),
        (b"{'a':1}", JsonFault::Unexpected, 1),
        (b"{\"a\" 1}", JsonFault::Unexpected, 5),
        (b"{\"a\":}", JsonFault::Unexpected, 5),
        (b"[}", JsonFault::Unexpected, 1),
        (b"{]", JsonFault::Unexpected, 1),
        (b"[1}", JsonFault::Unexpected, 2),
        (b"/**/1", JsonFault::Unexpected, 0),
        (b"\x0B1", JsonFault::Unexpected, 0),
        ("\u{a0}1".as_bytes(), JsonFault::Unexpected, 0),
    ];
    for (text, fault, offset) in table {
        let shown = String::from_utf8_lossy(text);
        assert_eq!(
            check(text),
            Err(JsonError {
                fault: *fault,
                offset: *offset
            }),
            "{shown}"
        );
        // The fault is the same wherever the text is only passed over.
        assert_eq!(
            read(text),
            Err(JsonError {
                fault: *fault,
                offset: *offset
            }),
            "{shown}"
        );
    }
}

#[test]
fn good_text_is_read() {
    for text in [
        "{}",
        " [ ] ",
        "\t\r\n null \n",
        "true",
        "false",
        "0",
        "-0",
        "-0.0e-0",
        "1E5",
        "123456789012345678901234567890",
        "1e-999999999999999999999",
        "0e999999999999999999999",
        r#""\"\\\/\b\f\n\r\t\u0000\u00e9\uD83D\uDE00""#,
        "\"\u{7f}\u{80}\u{2028}\u{ffff}\u{10ffff}\u{feff}\"",
        r#"{"a":{"a":{"a":[{"a":1},{"a":1}]}},"b":1,"A":1}"#,
        r#"{"":""}"#,
    ] {
        let expected = oracle::read(text.as_bytes(), MAX_DEPTH);
        assert!(expected.is_some(), "the oracle reads {text}");
        assert_eq!(read(text.as_bytes()).ok(), expected, "{text}");
    }
}

#[test]
fn depth_is_limited_and_costs_no_stack() {
    let nested = |depth: usize| {
        let half = depth / 2;
        format!(
            "{}{}{}",
            "[{\"a\":".repeat(half),
            if depth % 2 == 1 { "[]" } else { "1" },
            "}]".repeat(half)
        )
    };
    assert_eq!(check(nested(64)), Ok(()));
    assert_eq!(check(nested(65)).unwrap_err().fault, JsonFault::TooDeep);
    assert_eq!(
        check("[".repeat(4 << 20)),
        Err(JsonError {
            fault: JsonFault::TooDeep,
            offset: 64
        })
    );
    let deep = format!("{}{}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let unlimited = Document::with_max_depth(deep.as_bytes(), usize::MAX).unwrap();
    assert_eq!(unlimited.check(), Ok(()));
    assert_eq!(
        Document::with_max_depth(b"[]", 0)
            .unwrap()
            .check()
            .unwrap_err()
            .fault,
        JsonFault::TooDeep
    );
    assert_eq!(Document::with_max_depth(b"1", 0).unwrap().check(), Ok(()));
}

/// Compared pair by pair, this would be 2·10¹⁰ comparisons: the test would not end.
#[test]
fn many_keys_are_compared_in_linear_time() {
    let keys: Vec<_> = (0..200_000).map(|key| format!("\"k{key}\":0")).collect();
    let object = format!("{{{}}}", keys.join(","));
    assert_eq!(check(&object), Ok(()));
    let last = object.len();
    let twice = format!("{},\"\\u006b7\":0}}", object.trim_end_matches('}'));
    assert_eq!(
        check(twice),
        Err(JsonError {
            fault: JsonFault::DuplicateKey,
            offset: last
        })
    );
}

#[test]
fn duplicates_are_found_among_few_and_among_many() {
    for count in 1..80 {
        for repeated in [0, count / 2, count - 1] {
            let members: String = (0..count).map(|key| format!("\"{key}\":0,")).collect();
            assert_eq!(check(format!("{{{members}\"x\":0}}")), Ok(()));
            let fault = check(format!("{{{members}\"{repeated}\":0}}")).unwrap_err();
            assert_eq!(
                fault,
                JsonError {
                    fault: JsonFault::DuplicateKey,
                    offset: members.len() + 1
                }
            );
        }
    }
}

#[test]
fn special_bytes_are_found_at_every_place_in_a_string() {
    for length in 0..40 {
        for place in 0..=length {
            let text = |special: &str| {
                format!(
                    "\"{}{special}{}\"",
                    "x".repeat(place),
                    "\u{80}".repeat(length - place)
                )
            };
            assert_eq!(check(text("\\n")), Ok(()));
            assert_eq!(check(text("\u{20}")), Ok(()));
            assert_eq!(check(text("\u{1f}")).unwrap_err().offset, place + 1);
            assert_eq!(check(text("\\q")).unwrap_err().offset, place + 1);
            assert!(check(text("\"")).is_err(), "the string ends early");
        }
    }
}

#[test]
fn what_is_left_alone_is_skipped_as_strictly() {
    let read = |text: &'static str| {
        Document::new(text.as_bytes()).unwrap().read(|value| {
            let mut found = None;
            value.members(|key, value| {
                if key == "b" {
                    found = value.string()?;
                }
                Ok::<_, JsonError>(())
            })?;
            Ok::<_, JsonError>(found)
        })
    };
    assert_eq!(
        read(r#"{"a":[1,{"x":2}],"b":"B","c":null}"#).unwrap().unwrap(),
        "B"
    );
    assert_eq!(
        read(r#"{"a":[1,{"x":2,"x":2}],"b":"B"}"#).unwrap_err().fault,
        JsonFault::DuplicateKey
    );
    assert_eq!(
        read(r#"{"b":"B","c":01}"#).unwrap_err().fault,
        JsonFault::BadNumber
    );
    assert_eq!(read(r#"{"b":["B"]}"#).unwrap(), None);
    assert_eq!(read(r#"["b"]"#).unwrap(), None);
}

#[test]
fn a_fault_that_a_visitor_swallows_still_fails_the_document() {
    for text in [
        r#"{"a":{"x":1,"y":01},"b":2}"#,
        r#"{"a":{"x":"#,
        r#"{"a":{"x":1,"x":2},"b":2}"#,
    ] {
        let read = Document::new(text.as_bytes()).unwrap().read(|value| {
            value.members(|_, value| {
                let _ = value.members(|_, _| Ok::<_, JsonError>(()));
                Ok::<_, JsonError>(())
            })
        });
        assert!(read.is_err(), "{text}");
    }
}

#[test]
fn spans_are_the_bytes_as_sent() {
    let text = r#" { "a" : [ 1 , 2 ] , "b":{"x": "\u0041" }, "c":-1.50e+3 }"#;
    let mut spans = BTreeMap::new();
    let whole = Document::new(text.as_bytes()).unwrap().read(|value| {
        value.members(|key, value| {
            spans.insert(key.into_owned(), value.raw()?);
            Ok::<_, JsonError>(())
        })
    });
    assert_eq!(whole, Ok(Some(text.trim())));
    assert_eq!(spans["a"], "[ 1 , 2 ]");
    assert_eq!(spans["b"], r#"{"x": "\u0041" }"#);
    assert_eq!(spans["c"], "-1.50e+3");
}

#[test]
fn an_error_of_its_own_that_a_visitor_swallows_does_not_close_the_object() {
    #[derive(Debug)]
    struct Stop;
    impl From<JsonError> for Stop {
        fn from(_: JsonError) -> Self {
            Self
        }
    }
    let read = Document::new(br#"{"a":{"x":1}"#).unwrap().read(|value| {
        value.members(|_, value| {
            let stopped = value.members(|_, value| value.raw().map_err(Stop::from).and(Err(Stop)));
            assert!(stopped.is_err());
            Ok::<_, JsonError>(())
        })
    });
    assert!(read.is_err(), "one brace has closed two objects");
}

fn string<'a>(value: Value<'_, 'a>) -> Result<Option<Cow<'a, str>>, JsonError> {
    value.string()
}

#[test]
fn text_without_escapes_is_borrowed() {
    let read = |text: &'static str| Document::new(text.as_bytes()).unwrap().read(string);
    assert!(matches!(read(r#""plain é""#), Ok(Some(Cow::Borrowed("plain é")))));
    assert!(matches!(read(r#""\n""#), Ok(Some(Cow::Owned(_)))));
}

/// JSON values with few distinct keys, so that objects often have one twice.
fn arbitrary_text() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", " ", "\n\t", "\r\n "]);
    let string = || prop::collection::vec(arbitrary_character(), 0..12).prop_map(|parts| parts.concat());
    let key = move || {
        prop_oneof![
            prop::sample::select(vec!["a", "b", "\\u0061", "A", "\\ud83d\\ude00", "😀", ""])
                .prop_map(str::to_owned),
            string()
        ]
    };
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
    ];
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false", "[]", "{}", "[ ]", "{\n}"])
            .prop_map(str::to_owned),
        number,
        string().prop_map(|string| format!("\"{string}\"")),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        let item = || {
            (space(), inner.clone(), space())
                .prop_map(|(before, value, after)| format!("{before}{value}{after}"))
        };
        let member = (space(), key(), space(), item())
            .prop_map(|(before, key, after, value)| format!("{before}\"{key}\"{after}:{value}"));
        prop_oneof![
            prop::collection::vec(item(), 1..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 1..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn arbitrary_character() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -!#-\\[\\]-~]{1,9}",
        any::<char>()
            .prop_filter("plain", |c| *c >= ' ' && *c != '"' && *c != '\\')
            .prop_map(String::from),
        prop::sample::select(vec![
            "\\n",
            "\\\"",
            "\\\\",
            "\\/",
            "\\u0000",
            "\\uD834\\uDD1E",
            "\\u00e9"
        ])
        .prop_map(str::to_owned),
        any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn reads_exactly_what_the_oracle_reads(text in arbitrary_text()) {
        prop_assert_eq!(read(text.as_bytes()).ok(), oracle::read(text.as_bytes(), MAX_DEPTH));
        prop_assert_eq!(check(&text).is_ok(), read(text.as_bytes()).is_ok());
    }

    #[test]
    fn reads_damaged_text_exactly_if_the_oracle_does(
        text in arbitrary_text(),
        at in any::<prop::sample::Index>(),
        removed in 0_usize..3,
        inserted in prop::collection::vec(
            prop_oneof![prop::sample::select(b"{}[]\",:\\u0123eE+-. tfn\n\x00\x80\xff".to_vec()), any::<u8>()],
            0..3,
        ),
    ) {
        let mut bytes = text.into_bytes();
        let start = at.index(bytes.len());
        let end = (start + removed).min(bytes.len());
        bytes.splice(start..end, inserted);
        prop_assert_eq!(read(&bytes).ok(), oracle::read(&bytes, MAX_DEPTH));
    }
}

#[test]
fn decimals_are_equal_by_value() {
    use super::Decimal;
    let value = |raw| Decimal::parse(raw).unwrap();
    for (left, right) in [
        ("42", "42.0"),
        ("42", "4.2e1"),
        ("420e-1", "42"),
        ("0", "-0.00e7"),
        ("-1.50", "-15E-1"),
        ("100", "1e2"),
    ] {
        assert_eq!(value(left), value(right));
    }
    for (left, right) in [
        ("42", "-42"),
        ("42", "420"),
        ("1", "1.0000000000000000000001"),
        ("10", "1"),
    ] {
        assert_ne!(value(left), value(right));
    }
    for none in [
        "",
        "x",
        "01",
        " 1",
        "1 ",
        "1e99999999999999999999",
        "1e400",
        "+1",
        "\"1\"",
    ] {
        assert_eq!(Decimal::parse(none), None, "{none}");
    }
    let integer = |raw| value(raw).as_safe_integer();
    assert_eq!(integer("9007199254740991"), Some(9_007_199_254_740_991));
    assert_eq!(integer("-9007199254740991"), Some(-9_007_199_254_740_991));
    assert_eq!(integer("9007199254740992"), None);
    assert_eq!(integer("4.2e1"), Some(42));
    assert_eq!(integer("1e300"), None);
    assert_eq!(integer("-0"), Some(0));
    assert_eq!(integer("0.5"), None);
    assert_eq!(json!(integer("1e3")), json!(1000));
}
