//! From a destination to a TCP stream: resolve once, check every address, connect to a checked one.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::{
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
};
use url::Host;

use crate::{
    address::AddressPolicy,
    connector::{ConnectError, Stage},
    destination::Destination,
};

/// A stream to one of the destination's addresses, and which.
pub(crate) async fn dial(
    destination: &Destination,
    policy: AddressPolicy<'_>,
    deadline: Instant,
) -> Result<(TcpStream, IpAddr), ConnectError> {
    let addresses = timeout_at(deadline, resolve(destination))
        .await
        .map_err(|_| ConnectError::TimedOut(Stage::Resolving))?
        .map_err(ConnectError::Resolve)?;
    policy.check_all(addresses.iter().map(SocketAddr::ip))?;
    connect_first(&addresses, deadline).await
}

async fn resolve(destination: &Destination) -> io::Result<Vec<SocketAddr>> {
    let port = destination.port;
    match &destination.host {
        Host::Domain(name) => Ok(lookup_host((name.as_str(), port)).await?.collect()),
        Host::Ipv4(address) => Ok(vec![SocketAddr::from((*address, port))]),
        Host::Ipv6(address) => Ok(vec![SocketAddr::from((*address, port))]),
    }
}

/// Tries the addresses in order. Each may take its share of the time that is left, so that one which swallows
/// packets does not use up the others' time.
async fn connect_first(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<(TcpStream, IpAddr), ConnectError> {
    let mut last = ConnectError::NoAddress;
    for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / u32::try_from(left).unwrap_or(u32::MAX);
        match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // A request is written whole: waiting for more to fill a packet with would only delay it.
                stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
                return Ok((stream, address.ip()));
            }
            Ok(Err(error)) => last = ConnectError::Tcp(error),
            Err(_) => last = ConnectError::TimedOut(Stage::Connecting),
        }
    }
    Err(last)
}
