//! Which projector is the active one.
//!
//! A lease, not a lock of the session: the session of a process that is stopped lives on. It only keeps several projectors from doing
//! the same work; what is right never rests on it (see `advance`).

use std::time::Duration;

use sqlx::PgPool;
use uuid::Uuid;

use crate::error::StoreError;

/// How long a projector is the active one after it said so. By the database's clock, which no projector has to share.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

/// How long the database may take to say so.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes `projector` the active one, or keeps it, unless another one is.
pub(super) async fn hold(lease: &PgPool, projector: Uuid) -> Result<bool, StoreError> {
    const SQL: &str = "INSERT INTO projector_lease AS lease (one, holder, until)
        VALUES (1, $1, clock_timestamp() + make_interval(secs => $2))
        ON CONFLICT (one) DO UPDATE SET holder = excluded.holder, until = excluded.until
            WHERE lease.holder = excluded.holder OR lease.until < clock_timestamp()";
    let held = sqlx::query(SQL)
        .bind(projector.to_string())
        .bind(LEASE.as_secs_f64())
        .execute(lease);
    match tokio::time::timeout(PATIENCE, held).await {
        Ok(held) => Ok(held?.rows_affected() == 1),
        Err(_) => Err(StoreError::Silent(PATIENCE)),
    }
}

/// Lets another one be the active one at once.
pub(super) async fn release(lease: &PgPool, projector: Uuid) -> Result<(), StoreError> {
    let released = sqlx::query("DELETE FROM projector_lease WHERE holder = $1")
        .bind(projector.to_string())
        .execute(lease);
    match tokio::time::timeout(PATIENCE, released).await {
        Ok(released) => Ok(released.map(|_| ())?),
        Err(_) => Err(StoreError::Silent(PATIENCE)),
    }
}
