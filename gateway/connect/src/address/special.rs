//! Addresses that are not public.
//!
//! Source: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and its updates), by their column
//! "Globally Reachable".

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// IPv4 blocks that are not public; all others are.
const V4: [(Ipv4Net, &str); 17] = [
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "carrier-grade NAT"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    // A public address that only the host of an Azure machine answers on, with its metadata and secrets.
    (v4([168, 63, 129, 16], 32), "cloud host"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 0, 0, 0], 24), "protocol assignments"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    (v4([192, 88, 99, 0], 24), "6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

/// The only IPv6 space given out for global unicast.
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// NAT64's well-known prefix (RFC 6052): outside [`GLOBAL_UNICAST`], but as public as the IPv4 address it carries.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// NAT64's prefix for local use (RFC 8215).
const NAT64_LOCAL: Ipv6Net = v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48);

/// RFC 4380.
const TEREDO: Ipv6Net = v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32);

/// RFC 3056.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

/// Deprecated by RFC 4291 §2.5.5.1.
const V4_COMPATIBLE: Ipv6Net = v6([0, 0, 0, 0, 0, 0, 0, 0], 96);

/// IPv6 blocks that are not public, the narrower first: inside global unicast, and names for well-known ones outside.
const V6: [(Ipv6Net, &str); 14] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (V4_COMPATIBLE, "IPv4-compatible"),
    (NAT64_LOCAL, "NAT64 for local use"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discard"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "benchmarking"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "protocol assignments"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// What keeps an address from being public; none if it is.
pub(super) fn kind_of_v4(address: Ipv4Addr) -> Option<&'static str> {
    V4.iter()
        .find(|(network, _)| network.contains(&address))
        .map(|(_, kind)| *kind)
}

/// What keeps an address from being public, whatever IPv4 address it may carry; none if nothing does.
pub(super) fn kind_of_v6(address: Ipv6Addr) -> Option<&'static str> {
    if NAT64.contains(&address) || TEREDO.contains(&address) {
        return None;
    }
    let special = V6
        .iter()
        .find(|(network, _)| network.contains(&address))
        .map(|(_, kind)| *kind);
    special.or_else(|| (!GLOBAL_UNICAST.contains(&address)).then_some("not global unicast"))
}

/// The IPv4 addresses that packets to this one may end up at.
pub(super) fn carried_by(address: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let [.., a, b, c, d] = address.octets();
    let last = Ipv4Addr::new(a, b, c, d);
    let carried = if SIX_TO_FOUR.contains(&address) {
        let [_, _, a, b, c, d, ..] = address.octets();
        [Some(Ipv4Addr::new(a, b, c, d)), None]
    } else if TEREDO.contains(&address) {
        // The server, then the client, its bits inverted (RFC 4380 §4).
        let [_, _, _, _, a, b, c, d, ..] = address.octets();
        [Some(Ipv4Addr::new(a, b, c, d)), Some(!last)]
    } else if NAT64.contains(&address) || NAT64_LOCAL.contains(&address) || is_v4_compatible(address) {
        [Some(last), None]
    } else {
        [None, None]
    };
    carried.into_iter().flatten()
}

/// `::` and `::1` have the form, but are addresses of IPv6's own.
fn is_v4_compatible(address: Ipv6Addr) -> bool {
    V4_COMPATIBLE.contains(&address) && !address.is_unspecified() && !address.is_loopback()
}

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}
