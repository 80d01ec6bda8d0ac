//! A token as it is kept, before it is encrypted. Pure.
//!
//! When it was asked for, when it ends, when Token A ends: each in milliseconds since the epoch, 8 bytes, the greatest first. Then the
//! token's text.

use jiff::Timestamp;

use crate::{TokenB, cache::Obtained};

pub(super) fn write(obtained: &Obtained) -> Vec<u8> {
    let times = [obtained.at, obtained.expires, obtained.token_a_expires];
    let mut entry = times.map(|time| time.as_millisecond().to_be_bytes()).concat();
    entry.extend(obtained.token.expose());
    entry
}

/// `None` for what [`write`] did not write.
pub(super) fn read(entry: &[u8]) -> Option<Obtained> {
    let (times, token) = entry.split_first_chunk::<24>()?;
    let (times, []) = times.as_chunks::<8>() else {
        return None;
    };
    let [at, expires, token_a_expires] = times else {
        return None;
    };
    let time = |bytes: &[u8; 8]| Timestamp::from_millisecond(i64::from_be_bytes(*bytes)).ok();
    Some(Obtained {
        token: TokenB::bearer(std::str::from_utf8(token).ok()?)?,
        at: time(at)?,
        expires: time(expires)?,
        token_a_expires: time(token_a_expires)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn obtained(token: &str, times: [i64; 3]) -> Obtained {
        let [at, expires, token_a_expires] = times.map(|time| Timestamp::from_millisecond(time).unwrap());
        Obtained {
            token: TokenB::bearer(token).unwrap(),
            at,
            expires,
            token_a_expires,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(token in "[!-~]{1,64}", times in prop::array::uniform3(0..4_000_000_000_000_i64)) {
            let written = obtained(&token, times);
            let read = read(&write(&written)).unwrap();
            prop_assert_eq!(read.token.into_header(), written.token.into_header());
            prop_assert_eq!((read.at, read.expires), (written.at, written.expires));
            prop_assert_eq!(read.token_a_expires, written.token_a_expires);
        }

        #[test]
        fn whatever_else_is_read_without_harm(entry: Vec<u8>) {
            if let Some(obtained) = read(&entry) {
                prop_assert_eq!(write(&obtained), entry);
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_out_of_range_is_not_read() {
        let written = write(&obtained("t", [1, 2, 3]));
        assert!(read(&written).is_some());
        assert!(read(&written[..23]).is_none());
        let mut late = written;
        late[0] = 0x7f;
        assert!(read(&late).is_none());
    }
}
