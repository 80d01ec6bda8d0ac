//! The replicas: what each enforces, and whether it may serve.

use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::ReadReplicas,
    answer::Plain,
    endpoint::endpoint,
    permission::May,
    read::{Everything, Read},
    refusal::Refusal,
    view::{ReplicaList, ReplicaView},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(endpoint(__path_list, list))
}

/// List the replicas
///
/// Every run of a replica that told the others of itself within the last hour, as the replica sees it that answers.
#[utoipa::path(get, path = "/replicas", operation_id = "listReplicas")]
async fn list(may: May<ReadReplicas>, _read: Read<Everything>) -> Result<Plain<ReplicaList>, Refusal> {
    let control = &may.api.control;
    let end = control.registry_end().await;
    let replicas = control
        .replicas()
        .iter()
        .map(|known| ReplicaView::of(known, end))
        .collect();
    Ok(Plain(ReplicaList {
        replicas,
        registry_end: end.map(|end| end.0),
    }))
}
