//! Which addresses may be connected to. Pure.

mod special;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use thiserror::Error;

/// Which addresses may be connected to: the public ones, and the internal networks an administrator has named.
///
/// A forged or careless URL must not make the door speak to itself, to its neighbours or to a cloud's metadata
/// service. Forms of IPv6 that carry an IPv4 address are judged by that address too, as a translator on the way
/// delivers to it.
#[derive(Clone, Copy, Debug)]
pub struct AddressPolicy<'a> {
    internal: &'a [IpNet],
}

/// An address that may not be connected to. The fault of whoever named it; a repeat will not help, save that names
/// may come to resolve to something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{address} is not public ({kind}) and in no internal network that is allowed")]
pub struct Forbidden {
    /// The address.
    pub address: IpAddr,
    /// What it is, such as "loopback".
    pub kind: &'static str,
}

impl<'a> AddressPolicy<'a> {
    /// Public addresses only.
    pub const PUBLIC: AddressPolicy<'static> = AddressPolicy { internal: &[] };

    /// Public addresses, and those in `internal`. IPv4 networks are to be written as such, not in a mapped form.
    #[must_use]
    pub fn allowing(internal: &'a [IpNet]) -> Self {
        Self { internal }
    }

    /// Judges one address.
    ///
    /// # Errors
    /// When it may not be connected to.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.check_v4(v4),
            IpAddr::V6(v6) => self.check_v6(v6),
        }
        .map_err(|kind| Forbidden { address, kind })
    }

    /// Judges all addresses of a name.
    ///
    /// One that is not allowed condemns the name: whoever mixes the door's neighbours in among public addresses is
    /// trying DNS rebinding, and would else only have to make the public one fail.
    ///
    /// # Errors
    /// The first that may not be connected to.
    pub fn check_all(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Forbidden> {
        addresses.into_iter().try_for_each(|address| self.check(address))
    }

    fn check_v4(&self, address: Ipv4Addr) -> Result<(), &'static str> {
        match special::kind_of_v4(address) {
            Some(kind) if !self.is_internal(address.into()) => Err(kind),
            Some(_) | None => Ok(()),
        }
    }

    fn check_v6(&self, address: Ipv6Addr) -> Result<(), &'static str> {
        if let Some(kind) = special::kind_of_v6(address)
            && !self.is_internal(address.into())
        {
            return Err(kind);
        }
        special::carried_by(address).try_for_each(|v4| self.check_v4(v4))
    }

    fn is_internal(&self, address: IpAddr) -> bool {
        self.internal.iter().any(|network| network.contains(&address))
    }
}
