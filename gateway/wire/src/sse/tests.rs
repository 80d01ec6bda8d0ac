use bytes::Bytes;
use proptest::prelude::*;

use super::*;

/// What a stateless stream gives when it comes in these chunks.
fn read(chunks: &[&[u8]], max_event: usize) -> Result<Vec<SseItem>, SseFault> {
    read_by(SseReader::new(max_event), chunks)
}

fn read_resumable(chunks: &[&[u8]]) -> Result<Vec<SseItem>, SseFault> {
    read_by(SseReader::resumable(MAX_EVENT), chunks)
}

fn read_by(mut reader: SseReader, chunks: &[&[u8]]) -> Result<Vec<SseItem>, SseFault> {
    let mut items = Vec::new();
    for chunk in chunks {
        let mut chunk = Bytes::copy_from_slice(chunk);
        while let Some(item) = reader.next(&mut chunk)? {
            items.push(item);
        }
        assert!(chunk.is_empty());
    }
    Ok(items)
}

fn message(data: &str) -> SseItem {
    at(None, None, data)
}

fn other(data: &str) -> SseItem {
    SseItem::Event {
        is_message: false,
        data: Bytes::copy_from_slice(data.as_bytes()),
        id: None,
        retry: None,
    }
}

fn at(id: Option<&str>, retry: Option<u64>, data: &str) -> SseItem {
    SseItem::Event {
        is_message: true,
        data: Bytes::copy_from_slice(data.as_bytes()),
        id: id.map(|id| EventId::parse(id.as_bytes()).unwrap()),
        retry,
    }
}

/// Streams and what they mean (WHATWG HTML 9.2.6).
fn table() -> Vec<(&'static str, Vec<SseItem>)> {
    vec![
        ("data: {}\n\n", vec![message("{}")]),
        (
            "event: message\ndata: 1\n\nevent: message\ndata: 2\n\n",
            vec![message("1"), message("2")],
        ),
        (
            "data: a\r\n\r\ndata: b\r\rdata: c\n\n",
            vec![message("a"), message("b"), message("c")],
        ),
        (
            "data: a\r\ndata: b\rdata: c\ndata\n\n",
            vec![message("a\nb\nc\n")],
        ),
        ("data:a\ndata: b\ndata:  c\n\n", vec![message("a\nb\n c")]),
        ("\u{feff}data: a\n\n", vec![message("a")]),
        ("\u{feff}\u{feff}data: a\n\n", vec![]),
        ("data: a\n\n\u{feff}data: b\n\n", vec![message("a")]),
        (
            ":\n\n: ping\r\ndata: a\n: inside\n\n",
            vec![SseItem::Comment, SseItem::Comment, SseItem::Comment, message("a")],
        ),
        (
            "id: 7\nretry: 10\nx: y\nDATA: no\ndata: a\n\n",
            vec![message("a")],
        ),
        ("id: 7\n\nevent: ping\n\ndata: a\n\n", vec![message("a")]),
        (
            "event: ping\ndata: a\n\ndata: b\n\n",
            vec![other("a"), message("b")],
        ),
        ("event: ping\nevent:\ndata: a\n\n", vec![message("a")]),
        ("event:  message\ndata: a\n\n", vec![other("a")]),
        (
            "data\n\ndata:\n\ndata: \n\n",
            vec![message(""), message(""), message("")],
        ),
        ("data\ndata\n\n", vec![message("\n")]),
        ("\n\n\r\n\r\n\r\r", vec![]),
        ("data: unfinished\n", vec![]),
        ("data: a: b\n\n", vec![message("a: b")]),
    ]
}

#[test]
fn streams_are_read_as_the_standard_says() {
    for (stream, expected) in table() {
        assert_eq!(read(&[stream.as_bytes()], MAX_EVENT), Ok(expected), "{stream:?}");
    }
}

#[test]
fn where_chunks_end_does_not_matter() {
    for (stream, expected) in table() {
        let bytes = stream.as_bytes();
        for cut in 0..=bytes.len() {
            for second in cut..=bytes.len() {
                let chunks = [&bytes[..cut], &bytes[cut..second], &bytes[second..]];
                assert_eq!(
                    read(&chunks, MAX_EVENT),
                    Ok(expected.clone()),
                    "{stream:?} cut at {cut}, {second}"
                );
            }
        }
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(read(&single, MAX_EVENT), Ok(expected), "{stream:?}");
    }
}

/// What a stream of a session means beyond that.
fn resumable_table() -> Vec<(&'static str, Vec<SseItem>)> {
    vec![
        ("id: 7\ndata: a\n\n", vec![at(Some("7"), None, "a")]),
        ("data: a\nid:7\nretry:10\n\n", vec![at(Some("7"), Some(10), "a")]),
        // Priming events: of the SDKs, and with no data at all.
        ("id: p/1\ndata: \n\n", vec![at(Some("p/1"), None, "")]),
        ("id: p\n\n", vec![at(Some("p"), None, "")]),
        ("retry: 500\n\n", vec![at(None, Some(500), "")]),
        ("retry: 500\nretry: x\n\n", vec![at(None, Some(500), "")]),
        // Each event has its own, or none.
        (
            "id: 1\ndata: a\n\ndata: b\n\n",
            vec![at(Some("1"), None, "a"), message("b")],
        ),
        ("id: 1\nid: 2\ndata: a\n\n", vec![at(Some("2"), None, "a")]),
        ("id: 1\nid\ndata: a\n\n", vec![message("a")]),
        ("id: a\u{0}b\ndata: a\n\n", vec![message("a")]),
        ("id: \u{7f}\n\n", vec![]),
        ("id: \u{e9} x\n\n", vec![at(Some("\u{e9} x"), None, "")]),
        (
            "retry: 1s\nretry: -1\nretry: +1\nretry:\ndata: a\n\n",
            vec![message("a")],
        ),
        ("retry: 99999999999999999999\n\n", vec![]),
        ("event: ping\n\n", vec![]),
        ("id: 1\ndata: unfinished\n", vec![]),
    ]
}

#[test]
fn streams_of_a_session_say_where_they_are() {
    for (stream, expected) in resumable_table() {
        let bytes = stream.as_bytes();
        assert_eq!(read_resumable(&[bytes]), Ok(expected.clone()), "{stream:?}");
        let single: Vec<_> = bytes.chunks(1).collect();
        assert_eq!(read_resumable(&single), Ok(expected), "{stream:?}");
    }
    // Nothing else differs.
    for (stream, expected) in table().into_iter().filter(|(stream, _)| !stream.contains("id:")) {
        assert_eq!(read_resumable(&[stream.as_bytes()]), Ok(expected), "{stream:?}");
    }
    // A stateless stream says nothing of it.
    let all: Vec<_> = resumable_table().into_iter().map(|(stream, _)| stream).collect();
    for item in read(&[all.concat().as_bytes()], MAX_EVENT).unwrap() {
        assert!(matches!(
            item,
            SseItem::Event {
                id: None,
                retry: None,
                ..
            }
        ));
    }
}

#[test]
fn event_ids_are_limited() {
    let stream = |length: usize| format!("id: {}\ndata: a\n\n", "x".repeat(length));
    assert_eq!(
        read_resumable(&[stream(MAX_EVENT_ID).as_bytes()]).unwrap().len(),
        1
    );
    let too_long = stream(MAX_EVENT_ID + 1);
    assert_eq!(read_resumable(&[too_long.as_bytes()]), Err(SseFault::IdTooLarge));
    assert_eq!(read(&[too_long.as_bytes()], MAX_EVENT), Ok(vec![message("a")]));
}

#[test]
fn an_event_id_fits_a_line_and_a_header() {
    for text in ["7", "a b", "\u{e9}"] {
        let id = EventId::parse(text.as_bytes()).unwrap();
        assert_eq!((id.as_str(), id.to_header().as_bytes()), (text, text.as_bytes()));
    }
    for text in [
        &b""[..],
        b"a\nb",
        b"a\rb",
        b"\0",
        b"\t",
        b"\x7f",
        b"\xff",
        "\u{85}".as_bytes(),
    ] {
        assert_eq!(EventId::parse(text), None, "{text:?}");
    }
}

#[test]
fn data_that_is_no_utf8_is_passed_to_its_reader() {
    let items = read(&[b"data: \xFF\n\n"], MAX_EVENT).unwrap();
    assert_eq!(
        items,
        [SseItem::Event {
            is_message: true,
            data: Bytes::from_static(b"\xFF"),
            id: None,
            retry: None,
        }]
    );
}

#[test]
fn an_item_is_given_before_the_next_is_looked_at() {
    let mut reader = SseReader::new(8);
    let mut chunk = Bytes::from_static(b"data: a\n\ndata: far too large");
    assert_eq!(reader.next(&mut chunk), Ok(Some(message("a"))));
    assert_eq!(chunk, "data: far too large");
    assert_eq!(reader.next(&mut chunk), Err(SseFault::TooLarge { limit: 8 }));
}

#[test]
fn events_are_limited_however_they_are_cut() {
    let fault = Err(SseFault::TooLarge { limit: 20 });
    for stream in [
        "data: 0123456789012345\n\n",
        "data: 01234\ndata: 01234\ndata: 01234\n\n",
        ": 0123456789012345678901\n",
        "endless-line-without-an-end",
    ] {
        assert_eq!(read(&[stream.as_bytes()], 20), fault, "{stream:?}");
        let single: Vec<_> = stream.as_bytes().chunks(1).collect();
        assert_eq!(read(&single, 20), fault, "{stream:?}");
    }
    // What counts is one event, not the stream.
    let many = "data: 01234567890123\n\n: ping\n".repeat(1000);
    assert_eq!(read(&[many.as_bytes()], 20).unwrap().len(), 2000);
    let empty_lines = "data\n".repeat(1 << 12) + "\n";
    assert!(read(&[empty_lines.as_bytes()], 1 << 11).is_err());
}

#[test]
fn one_line_in_one_chunk_is_not_copied() {
    let mut reader = SseReader::new(MAX_EVENT);
    let mut chunk = Bytes::from_static(b"data: {\"a\":1}\n\n");
    let whole = chunk.clone();
    let Ok(Some(SseItem::Event { data, .. })) = reader.next(&mut chunk) else {
        panic!("an event")
    };
    assert_eq!(data.as_ptr(), whole[6..].as_ptr());
}

#[test]
fn events_are_written_as_other_readers_expect_them() {
    let mut out = Vec::new();
    write_event(b"{\"a\":1}", &mut out);
    write_event(b"1\r\n2\r3\n", &mut out);
    write_event(b"", &mut out);
    let expected = "event: message\ndata: {\"a\":1}\n\n\
                    event: message\ndata: 1\ndata: 2\ndata: 3\ndata: \n\n\
                    event: message\ndata: \n\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    assert_eq!(read(&[KEEP_ALIVE], MAX_EVENT), Ok(vec![SseItem::Comment]));
}

proptest! {
    #[test]
    fn any_stream_in_any_chunks_gives_the_same(
        stream in "(data|event|id|retry|:|: |x|\r\n|\n|\r|\u{feff}|message|é){0,40}",
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let bytes = stream.as_bytes();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(read(&chunks, MAX_EVENT), read(&[bytes], MAX_EVENT));
    }

    #[test]
    fn what_is_written_to_a_session_is_read(
        id in proptest::option::of("[!-~é]{1,20}"),
        retry in proptest::option::of(any::<u64>()),
        data in "[a-z :\n]{0,20}",
    ) {
        let mut out = Vec::new();
        let event_id = id.as_deref().and_then(|id| EventId::parse(id.as_bytes()));
        write_resumable_event(event_id.as_ref(), retry, data.as_bytes(), &mut out);
        prop_assert_eq!(read_resumable(&[&out]), Ok(vec![at(id.as_deref(), retry, &data)]));
    }

    #[test]
    fn what_is_written_is_read(data in "[a-z :\r\n]{0,20}") {
        let mut out = Vec::new();
        write_event(data.as_bytes(), &mut out);
        let expected = data.replace("\r\n", "\n").replace('\r', "\n");
        prop_assert_eq!(read(&[&out], MAX_EVENT), Ok(vec![message(&expected)]));
    }
}
