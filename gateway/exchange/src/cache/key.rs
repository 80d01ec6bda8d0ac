//! What a token depends on, as one value. Pure.

use aws_lc_rs::{digest, hmac, rand};
use onedoor_model::{decide::Entitlement, ids::Revision};
use onedoor_wire::bearer::BearerToken;

use crate::KeyError;

/// What a token depends on: Token A, the epoch of its principal, the version of a server, its strategy, audience and scope. The same on
/// every replica; it leaves none but as a keyed digest.
#[derive(Clone, Copy)]
pub(crate) struct Subject([u8; 32]);

/// Tells the token for one [`Subject`] from all others.
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

    pub(crate) fn key(&self, subject: &Subject) -> Key {
        let mut key = [0; 32];
        key.copy_from_slice(hmac::sign(&self.0, &subject.0).as_ref());
        Key(key)
    }
}

impl Subject {
    pub(crate) fn of(token_a: BearerToken<'_>, epoch: Revision, entitlement: Entitlement<'_>) -> Self {
        let (server, version) = (entitlement.server(), entitlement.version());
        let manifest = &version.manifest;
        Self::of_parts([
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
    fn of_parts(parts: [&[u8]; 7]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut subject = [0; 32];
        subject.copy_from_slice(context.finish().as_ref());
        Self(subject)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
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
            let epoch = Revision::from(onedoor_model::ids::Offset(epoch));
            keys.key(&Subject::of(token, epoch, permit.entitlement()))
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
        let subject = Subject::of_parts([b""; 7]);
        assert_ne!(
            elsewhere.key(&subject),
            keys.key(&subject),
            "another process has other keys"
        );
        assert_ne!(
            Subject::of_parts([b"ab", b"c", b"", b"", b"", b"", b""]).0,
            Subject::of_parts([b"a", b"bc", b"", b"", b"", b"", b""]).0
        );
    }
}
