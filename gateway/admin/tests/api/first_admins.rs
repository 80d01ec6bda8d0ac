//! Callers whom the bootstrap file makes administrators.

use http::StatusCode;
use onedoor_admin::{AdminClaim, FirstAdmin, Role};
use serde_json::json;

use crate::{
    documents::operations,
    issuer::{DATA, TENANT},
    world::{World, manifest},
};

const FOUNDER: &str = "founder";

/// The one that every world has.
pub(crate) fn first_admin() -> FirstAdmin {
    FirstAdmin {
        issuer: "corp".parse().unwrap(),
        tenant: TENANT.parse().unwrap(),
        claim: AdminClaim::User(FOUNDER.parse().unwrap()),
    }
}

#[tokio::test]
async fn a_first_admin_may_do_what_its_roles_may_and_no_more() {
    let world = World::new().await;
    for operation in operations() {
        let path = operation.concrete_path();
        let answer = world.as_user(FOUNDER, &[], &operation.method, &path).send().await;
        let roles = operation.roles();
        let may = FirstAdmin::ROLES.iter().any(|role| roles.contains(role));
        assert_eq!(
            answer.status == StatusCode::FORBIDDEN,
            !may,
            "{} {path}: {answer:?}",
            operation.method
        );
    }
}

#[tokio::test]
async fn histories_tell_what_only_the_bootstrap_file_allowed() {
    let world = World::new().await;
    let register = async |slug: &str, roles: &[&str], reason: Option<&str>| {
        let mut call = world
            .as_user(FOUNDER, roles, "POST", "/servers")
            .json(&manifest(slug, "team-a"));
        if let Some(reason) = reason {
            call = call.header("onedoor-reason", reason);
        }
        let view = call.send().await.expect(StatusCode::CREATED);
        view["registered"]["reason"].clone()
    };
    let as_first = "as first admin by the bootstrap file";
    assert_eq!(register("a", &[], None).await, as_first);
    assert_eq!(
        register("b", &[], Some("set%20up")).await,
        format!("{as_first}: set up")
    );
    // Where the token's roles would do, it is nothing special.
    let role = Role::RegistryAdmin.as_str();
    assert_eq!(register("c", &[role], Some("set%20up")).await, "set up");
}

#[tokio::test]
async fn a_first_admin_of_a_tool_owners_role_reaches_every_server() {
    let world = World::new().await;
    let version = world.register("theirs", "bob").await;
    let answer = world
        .as_user(FOUNDER, &["Tool.Owner"], "POST", "/servers/theirs/disable")
        .if_match(version)
        .send()
        .await;
    let view = answer.expect(StatusCode::OK);
    assert_eq!(view["changed"]["reason"], "as first admin by the bootstrap file");
}

#[tokio::test]
async fn a_block_and_the_wrong_audience_keep_a_first_admin_out() {
    let world = World::new().await;
    let caller_of_tools = world.provider.token(DATA, FOUNDER, &[], &[]);
    let wrong = world
        .call("GET", "/servers")
        .header("authorization", &format!("Bearer {caller_of_tools}"));
    wrong
        .send()
        .await
        .problem(StatusCode::UNAUTHORIZED, "wrong_audience");

    let block = json!({ "user": { "issuer": "corp", "tenant": TENANT, "user": FOUNDER } });
    let added = world.admin("POST", "/blocks").json(&block).send().await;
    added.expect(StatusCode::CREATED);
    let blocked = world.as_user(FOUNDER, &[], "GET", "/servers").send().await;
    blocked.problem(StatusCode::FORBIDDEN, "blocked");
}
