use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn kind(address: &str) -> Option<&'static str> {
    AddressPolicy::PUBLIC
        .check(ip(address))
        .err()
        .map(|forbidden| forbidden.kind)
}

#[test]
fn public_addresses_are_allowed() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "3ffe:ffff::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        // Server 8.8.8.8, client 1.1.1.1 inverted.
        "2001:0:808:808:0:0:fefe:fefe",
    ] {
        assert_eq!(kind(address), None, "{address}");
    }
}

#[test]
fn every_other_kind_of_address_is_refused_by_its_name() {
    for (address, expected) in [
        ("0.0.0.0", "this network"),
        ("0.1.2.3", "this network"),
        ("10.0.0.1", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("100.100.100.200", "carrier-grade NAT"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("168.63.129.16", "cloud host"),
        ("169.254.169.254", "link-local"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.192", "protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4 relay"),
        ("192.168.0.1", "private"),
        ("198.18.0.1", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("::127.0.0.1", "IPv4-compatible"),
        ("64:ff9b:1::8.8.8.8", "NAT64 for local use"),
        ("100::1", "discard"),
        ("2001:2::1", "benchmarking"),
        ("2001:10::1", "protocol assignments"),
        ("2001:20::1", "protocol assignments"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("5f00::1", "segment routing"),
        ("fc00::1", "unique local"),
        ("fd00:ec2::254", "unique local"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
        ("::ffff:0:8.8.8.8", "not global unicast"),
        ("4000::1", "not global unicast"),
        ("1fff::1", "not global unicast"),
    ] {
        assert_eq!(kind(address), Some(expected), "{address}");
    }
}

#[test]
fn an_address_that_carries_another_is_judged_by_it_too() {
    for (address, expected) in [
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:169.254.169.254", "link-local"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::10.1.2.3", "private"),
        ("2002:7f00:1::1", "loopback"),
        ("2002:a9fe:a9fe::1", "link-local"),
        // Teredo: a private server, and a loopback client.
        ("2001:0:a00:1:0:0:fefe:fefe", "private"),
        ("2001:0:808:808:0:0:80ff:fffe", "loopback"),
    ] {
        assert_eq!(kind(address), Some(expected), "{address}");
    }
}

#[test]
fn internal_networks_are_allowed_and_no_others() {
    let internal = nets(&[
        "10.1.0.0/16",
        "127.0.0.1/32",
        "fd00:1::/32",
        "::1/128",
        "64:ff9b:1::/48",
    ]);
    let policy = AddressPolicy::allowing(&internal);
    for (address, allowed) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("64:ff9b::10.1.2.3", true),
        ("64:ff9b:1::10.1.2.3", true),
        ("64:ff9b:1::8.8.8.8", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("fd00:1::7", true),
        ("8.8.8.8", true),
        ("10.2.0.1", false),
        ("127.0.0.2", false),
        ("fd00:2::7", false),
        ("::ffff:10.2.0.1", false),
        ("64:ff9b::10.2.0.1", false),
        ("64:ff9b:1::10.2.0.1", false),
        ("64:ff9b:1::127.0.0.2", false),
        ("::10.1.2.3", false),
    ] {
        assert_eq!(policy.check(ip(address)).is_ok(), allowed, "{address}");
    }
}

#[test]
fn all_of_ipv6_being_internal_opens_no_ipv4() {
    let internal = nets(&["::/0"]);
    let policy = AddressPolicy::allowing(&internal);
    assert!(policy.check(ip("fe80::1")).is_ok());
    for carrier in [
        "::ffff:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::127.0.0.1",
        "2002:7f00:1::1",
        "::127.0.0.1",
    ] {
        assert!(policy.check(ip(carrier)).is_err(), "{carrier}");
    }
}

#[test]
fn one_forbidden_address_condemns_the_name() {
    let mixed = ["8.8.8.8", "2606:4700::1", "127.0.0.1", "10.0.0.1"].map(ip);
    let forbidden = AddressPolicy::PUBLIC.check_all(mixed).unwrap_err();
    assert_eq!(
        forbidden,
        Forbidden {
            address: ip("127.0.0.1"),
            kind: "loopback"
        }
    );
    assert!(
        AddressPolicy::PUBLIC
            .check_all(["8.8.8.8", "2606:4700::1"].map(ip))
            .is_ok()
    );
    let internal = nets(&["127.0.0.0/8"]);
    assert!(AddressPolicy::allowing(&internal).check_all(mixed).is_err());
}

/// What the standard library knows of IPv4, as a second opinion.
fn std_says_not_public(address: Ipv4Addr) -> bool {
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || address.is_unspecified()
}

proptest! {
    #[test]
    fn what_the_standard_library_knows_to_be_special_is_refused(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        if std_says_not_public(address) {
            prop_assert!(AddressPolicy::PUBLIC.check(address.into()).is_err());
        }
    }

    #[test]
    fn an_address_and_its_carriers_are_judged_alike(bits: u32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let allowed = AddressPolicy::PUBLIC.check(v4.into()).is_ok();
        let [high, low] = [(bits >> 16) as u16, bits as u16];
        for carrier in [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 0x808, 0x808, 0, 0, !high, !low),
            Ipv6Addr::new(0x2001, 0, high, low, 0, 0, 0xfefe, 0xfefe),
        ] {
            prop_assert_eq!(AddressPolicy::PUBLIC.check(carrier.into()).is_ok(), allowed, "{}", carrier);
        }
    }

    #[test]
    fn nothing_outside_global_unicast_is_public_but_nat64(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        let judged = AddressPolicy::PUBLIC.check(address.into());
        prop_assert!(judged.is_err() || bits >> 125 == 1 || bits >> 32 == 0x64_ff9b << 64 || bits >> 32 == 0xffff);
    }

    #[test]
    fn an_internal_network_adds_only_its_own(bits: u32, network: u32, prefix in 0u8..=32) {
        let address = IpAddr::from(Ipv4Addr::from_bits(bits));
        let internal = [IpNet::new(Ipv4Addr::from_bits(network).into(), prefix).unwrap()];
        let expected = AddressPolicy::PUBLIC.check(address).is_ok() || internal[0].contains(&address);
        prop_assert_eq!(AddressPolicy::allowing(&internal).check(address).is_ok(), expected);
    }
}
