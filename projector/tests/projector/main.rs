//! The projector on real log engines and real files.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may"
)]

/// Each of these tests on SQLite, and on PostgreSQL.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::support::Engine::Sqlite).await;
            })+
        }

        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(crate::support::Engine::Postgres).await;
            })+
        }
    };
}

mod calls;
mod ground;
mod history;
mod kept;
mod outcomes;
mod paced;
mod partitions;
mod postgres;
mod proxy;
mod rebuild;
mod refusals;
mod registry;
mod room;
mod scene;
mod shadow;
mod story;
mod support;
mod tls;
mod turns;
