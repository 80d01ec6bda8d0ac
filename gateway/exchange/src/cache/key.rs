//! What a token depends on, as one value. Pure.

use aws_lc_rs::{digest, hmac, rand};
use onedoor_model::{decide::Entitlement, ids::Revision};
use onedoor_wire::bearer::BearerToken;

use crate::KeyError;

/// Tells the token for one Token A, one epoch of its principal, one version of a server, one audience and one scope from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// Makes [`Key`]s. They are keyed, so that nobody who sees one can tell what it stands for.
pub(crate) struct Keys(hmac::Key);

impl Keys {
    /// With a key of this process's own.
    pub(crate) fn random() -> Result<Self, KeyError> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| KeyError::Generate)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    pub(crate) fn key(&self, token_a: BearerToken<'_>, epoch: Revision, entitlement: Entitlement<'_>) -> Key {
        let (server, version) = (entitlement.server(), entitlement.version());
        let manifest = &version.manifest;
        self.of([
            digest::digest(&digest::SHA256, token_a.expose().as_bytes()).as_ref(),
            &epoch.0.to_be_bytes(),
            server.id.0.as_bytes(),
            &version.number.0.to_be_bytes(),
            manifest.strategy.as_str().as_bytes(),
            manifest.audience.as_str().as_bytes(),
            manifest.required_scope.as_str().as_bytes(),
        ])
    }

    /// Each part goes in with its length before it: no two lists of parts are the same bytes.
    fn of(&self, parts: [&[u8]; 7]) -> Key {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.sign().as_ref());
        Key(key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::world::World;

    #[test]
    fn whatever_a_token_depends_on_makes_another_key() {
        let keys = Keys::random().unwrap();
        let key = |world: World, token: &str, epoch| {
            let permit = world.permit();
            let token = BearerToken::parse(token.as_bytes()).unwrap();
            keys.key(
                token,
                Revision::from(onedoor_model::ids::Offset(epoch)),
                permit.entitlement(),
            )
        };
        let world = World::default();
        let first = key(world.clone(), "a", 0);
        assert_eq!(key(world.clone(), "a", 0), first);
        let others = [
            key(world.clone(), "b", 0),
            key(world.clone(), "a", 1),
            key(
                World {
                    server: 2,
                    ..world.clone()
                },
                "a",
                0,
            ),
            key(
                World {
                    versions: 2,
                    ..world.clone()
                },
                "a",
                0,
            ),
            key(
                World {
                    strategy: "gateway-issued",
                    ..world.clone()
                },
                "a",
                0,
            ),
            key(
                World {
                    audience: "api://hr",
                    ..world.clone()
                },
                "a",
                0,
            ),
            key(
                World {
                    scope: "finance.write",
                    ..world.clone()
                },
                "a",
                0,
            ),
        ];
        let distinct: HashSet<_> = others.iter().chain([&first]).collect();
        assert_eq!(distinct.len(), others.len() + 1);
        let elsewhere = Keys::random().unwrap();
        assert_ne!(
            elsewhere.of([b""; 7]),
            keys.of([b""; 7]),
            "another process has other keys"
        );
        assert_ne!(
            keys.of([b"ab", b"c", b"", b"", b"", b"", b""]),
            keys.of([b"a", b"bc", b"", b"", b"", b"", b""])
        );
    }
}
