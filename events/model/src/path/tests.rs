use proptest::prelude::*;
use url::Url;

use super::*;

#[test]
fn a_path_has_one_form() {
    for (raw, canonical) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/b/c", "/a/b/c"),
        ("/a%62c", "/abc"),
        ("/%7euser", "/~user"),
        ("/a%2dB%5F", "/a-B_"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/a%20b", "/a%20b"),
        ("/a%3a:", "/a%3A:"),
        ("/100%25", "/100%25"),
        ("/100%25x", "/100%25x"),
        ("/v1/items:batchGet", "/v1/items:batchGet"),
        ("/.well-known/x", "/.well-known/x"),
        ("/a..b/..c/d..", "/a..b/..c/d.."),
        ("/a%2E", "/a."),
        ("/@me/a,b", "/@me/a,b"),
        ("/%7B%7D", "/%7B%7D"),
    ] {
        let path = CanonicalPath::parse(raw).unwrap();
        assert_eq!(path.as_str(), canonical, "{raw}");
        assert_eq!(CanonicalPath::parse(canonical), Ok(path), "{raw}");
    }
}

#[test]
fn what_servers_read_in_different_ways_does_not_pass() {
    use PathFault::*;
    for (raw, fault) in [
        ("", NotAbsolute),
        ("*", NotAbsolute),
        ("a/b", NotAbsolute),
        ("http://host/a", NotAbsolute),
        ("//", EmptySegment),
        ("//a", EmptySegment),
        ("/a//b", EmptySegment),
        ("/a/", EmptySegment),
        ("/.", Dots),
        ("/..", Dots),
        ("/a/../b", Dots),
        ("/a/./b", Dots),
        ("/a/..", Dots),
        ("/%2e%2e/b", Dots),
        ("/%2E%2e/b", Dots),
        ("/.%2e/b", Dots),
        ("/%2e/b", Dots),
        ("/.../b", Dots),
        ("/..%20/b", Dots),
        ("/%20/b", Dots),
        ("/%c2%a0../b", Dots),
        ("/%252e%252e/b", Twice),
        ("/%25%32%65%25%32%65/b", Twice),
        ("/%25252e/b", Twice),
        ("/a%252fb", Twice),
        ("/%2541", Twice),
        ("/a%2fb", Hidden),
        ("/a%2Fb", Hidden),
        ("/..%2f..%2fetc", Hidden),
        ("/..%5cb", Hidden),
        ("/a%5Cb", Hidden),
        ("/a%00b", Hidden),
        ("/a%0d%0ab", Hidden),
        ("/a%7fb", Hidden),
        ("/a%c2%85b", Hidden),
        ("/a\\b", Character),
        ("/a b", Character),
        ("/a\"b", Character),
        ("/a<b", Character),
        ("/{a}", Character),
        ("/a|b", Character),
        ("/a#b", Character),
        ("/a?b", Character),
        ("/a^b`", Character),
        ("/a\u{e9}", Character),
        ("/a\nb", Character),
        ("/%", Encoding),
        ("/a%2", Encoding),
        ("/a%zz", Encoding),
        ("/a%u002e", Encoding),
        ("/%+1", Encoding),
        ("/%c0%ae%c0%ae", NotUtf8),
        ("/%c0%af", NotUtf8),
        ("/%ff", NotUtf8),
        ("/a;b", Parameter),
        ("/..;/b", Parameter),
        ("/..;x=1/b", Parameter),
        ("/a%3bb", Parameter),
    ] {
        assert_eq!(CanonicalPath::parse(raw), Err(fault), "{raw}");
    }
    let long = format!("/{}", "a".repeat(MAX_PATH));
    assert_eq!(CanonicalPath::parse(&long), Err(TooLong));
    assert!(CanonicalPath::parse(&long[..MAX_PATH]).is_ok());
}

#[test]
fn a_path_stands_below_its_base() {
    for (base, path, whole) in [
        ("/", "/a/b", "/a/b"),
        ("/base", "/a", "/base/a"),
        ("/base/", "/a", "/base/a"),
        ("/base", "/", "/base"),
        ("/base/", "/", "/base/"),
        ("/", "/", "/"),
    ] {
        assert_eq!(
            CanonicalPath::parse(path).unwrap().below(base),
            whole,
            "{base} {path}"
        );
    }
}

/// Decoding as a careless server does it: what is no escape stays as it is.
fn carelessly_decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = path;
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                decoded.push(byte);
                rest = &behind[2..];
            }
            Some(_) | None => {
                decoded.push(*first);
                rest = behind;
            }
        }
    }
    decoded
}

/// What a path names for a server that takes `\` for `/`, cuts off parameters and resolves dots.
fn resolved(path: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment.split(';').next().unwrap_or_default().trim() {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name.to_owned()),
        }
    }
    names
}

/// Text of which attacks are made.
fn tricky() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "/", "/", "/", ".", "..", "%2e", "%2E", "%25", "%252e", "%2f", "%5c", "\\", ";", "%3b", "a", "b%20",
        "%", "2e", "2f", "%00", "%c0%ae", "%C3%A9", "25", " ", "u", "é",
    ]);
    prop::collection::vec(part, 0..12).prop_map(|parts| format!("/{}", parts.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Whoever reads the path behind a base, however often it is decoded, stays below the base.
    #[test]
    fn what_passes_stays_below_its_base(raw in tricky()) {
        let Ok(path) = CanonicalPath::parse(&raw) else { return Ok(()) };
        let whole = path.below("/base/of");
        // The standard of browsers (WHATWG), which resolves `%2e%2e` too.
        let url = Url::parse("https://host").unwrap().join(&whole).unwrap();
        prop_assert_eq!(url.path(), &whole);
        prop_assert!(url.query().is_none() && url.fragment().is_none());
        let mut decoded = whole.into_bytes();
        let depth = resolved(std::str::from_utf8(&decoded).unwrap()).len();
        for _ in 0..4 {
            let names = resolved(&String::from_utf8_lossy(&decoded));
            prop_assert_eq!(&names[..2], ["base", "of"]);
            prop_assert_eq!(names.len(), depth);
            decoded = carelessly_decoded(&decoded);
        }
    }

    #[test]
    fn the_form_is_its_own(raw in tricky()) {
        if let Ok(path) = CanonicalPath::parse(&raw) {
            prop_assert_eq!(CanonicalPath::parse(path.as_str()), Ok(path.clone()));
            prop_assert_eq!(carelessly_decoded(raw.as_bytes()), carelessly_decoded(path.as_str().as_bytes()));
        }
    }

    #[test]
    fn any_text_is_read_or_refused(raw in any::<String>()) {
        let _ = CanonicalPath::parse(&raw);
    }
}

/// The judges of the property above can say no.
#[test]
fn the_judges_see_an_escape() {
    for escape in [
        "/base/of/../../etc",
        "/base/of/%2e%2e/x",
        "/base/of/..;/x",
        "/base/of\\..\\x",
        "/base/of/%252e%252e/x",
    ] {
        let mut seen = false;
        let mut decoded = escape.as_bytes().to_vec();
        for _ in 0..4 {
            seen |= resolved(&String::from_utf8_lossy(&decoded)).get(..2)
                != Some(&["base".to_owned(), "of".to_owned()][..])
                || resolved(&String::from_utf8_lossy(&decoded)).len() < 3;
            decoded = carelessly_decoded(&decoded);
        }
        assert!(seen, "{escape}");
    }
}
