//! Ports for processes that are told where to listen.

use std::net::TcpListener;

use crate::dice::Dice;

/// Where Linux takes no port for an outgoing connection (`net.ipv4.ip_local_port_range` begins at 32768): one of those may be gone
/// before the process that it was picked for listens.
const FIRST: usize = 15_000;
const END: usize = 32_000;

/// A port on which nobody listens. Picked at random, so that tests beside each other hardly ever pick the same.
#[must_use]
pub fn free() -> u16 {
    let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
    let mut dice = Dice::new(seed);
    loop {
        let port = u16::try_from(FIRST + dice.below(END - FIRST)).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
