use proptest::prelude::*;

use super::*;

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn token(header: &str, payload: &str) -> String {
    format!(
        "{}.{}.{}",
        encoded(header),
        encoded(payload),
        encoded("signature")
    )
}

const HEADER: &str = r#"{"alg":"RS256","kid":"k1","typ":"at+jwt","x5t":"ignored"}"#;

#[test]
fn a_token_is_split() {
    let token = token(HEADER, r#"{"sub": "me"}"#);
    let read = split(&token).unwrap();
    assert_eq!(
        (read.alg.as_str(), read.kid.as_deref(), read.typ.as_deref()),
        ("RS256", Some("k1"), Some("at+jwt"))
    );
    assert_eq!(read.payload, br#"{"sub": "me"}"#);
    let shown = format!("{read:?}");
    assert_eq!(shown, "UnverifiedJwt(…)");
}

#[test]
fn each_refusal_of_a_token() {
    use JwtFault::*;
    let claims = encoded("{}");
    let header = encoded(HEADER);
    let with_header = |header: &str| token(header, "{}");
    let table: Vec<(String, JwtFault)> = vec![
        (String::new(), Parts),
        ("a.b".into(), Parts),
        ("a.b.c.d".into(), Parts),
        ("a.b.c.d.e".into(), Parts),
        (format!(".{claims}.c2ln"), Empty(Part::Header)),
        (format!("{header}..c2ln"), Empty(Part::Payload)),
        (format!("{header}.{claims}."), Empty(Part::Signature)),
        (format!("{header}=.{claims}.c2ln"), Base64(Part::Header)),
        (format!("{header}.{claims}=.c2ln"), Base64(Part::Payload)),
        (format!("{header}.{claims}.c2k="), Base64(Part::Signature)),
        (format!("{header}.{claims}.c2+/"), Base64(Part::Signature)),
        (format!("{header}.{claims}.c2l"), Base64(Part::Signature)),
        (format!("{header}.{claims} .c2ln"), Base64(Part::Payload)),
        (token("[]", "{}"), NotAnObject(Part::Header)),
        (token(HEADER, r#""{}""#), NotAnObject(Part::Payload)),
        (with_header("{}"), Header("alg")),
        (with_header(r#"{"alg":null}"#), Header("alg")),
        (with_header(r#"{"Alg":"RS256"}"#), Header("alg")),
        (with_header(r#"{"alg":"RS256","kid":7}"#), Header("kid")),
        (with_header(r#"{"alg":"RS256","typ":["JWT"]}"#), Header("typ")),
        (with_header(r#"{"alg":"RS256","crit":[]}"#), Extension),
        (with_header(r#"{"alg":"RS256","\u0063rit":["exp"]}"#), Extension),
        (with_header(r#"{"b64":true,"alg":"RS256"}"#), Extension),
        ("x".repeat(MAX_TOKEN + 1), TooLong),
    ];
    for (token, fault) in table {
        assert_eq!(split(&token), Err(fault), "{token}");
    }
    for (header, payload, part) in [
        (r#"{"alg":"none","alg":"RS256"}"#, "{}", Part::Header),
        (r#"{"alg":"none","\u0061lg":"RS256"}"#, "{}", Part::Header),
        ("\u{feff}{\"alg\":\"RS256\"}", "{}", Part::Header),
        (r#"{"alg":"RS256"} x"#, "{}", Part::Header),
        (HEADER, r#"{"sub":"me","sub":"you"}"#, Part::Payload),
        (HEADER, r#"{"a":{"b":1,"b":2}}"#, Part::Payload),
        (HEADER, "{", Part::Payload),
    ] {
        assert!(matches!(split(&token(header, payload)), Err(Json { part: found, .. }) if found == part));
    }
}

proptest! {
    #[test]
    fn any_text_gives_a_token_or_a_fault(text in "[a-zA-Z0-9_.=-]{0,60}") {
        if let Ok(read) = split(&text) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&read.payload).unwrap().is_object());
        }
    }
}
