//! Ports for processes that are told where to listen.

use std::{
    net::TcpListener,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where Linux takes no port for an outgoing connection (`net.ipv4.ip_local_port_range` begins at 32768): one of those may be gone
/// before the process that it was picked for listens.
const FIRST: u16 = 15_000;
const END: u16 = 32_000;

/// Begins anywhere, so that test binaries beside each other hardly ever meet.
static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| {
    let (anywhere, _) = uuid::Uuid::new_v4().as_u64_pair();
    AtomicU64::new(anywhere >> 1)
});

/// A port on which nobody listens, and that was given to nobody else in this process.
///
/// # Panics
/// There is none left.
#[must_use]
pub fn free() -> u16 {
    let range = u64::from(END - FIRST);
    for _ in 0..range {
        let place = NEXT.fetch_add(1, Ordering::Relaxed) % range;
        let port = FIRST + u16::try_from(place).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("all ports from {FIRST} to {END} are taken");
}
