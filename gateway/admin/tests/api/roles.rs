//! Who may do what: the table, and that every operation is in it.

use std::collections::BTreeSet;

use http::StatusCode;
use onedoor_admin::{Action, Reach, Role};
use serde_json::{Value, json};

use crate::{
    documents::{Operation, golden, operations},
    issuer::{ADMIN, DATA},
    world::{World, manifest},
};

/// The table as reviewers read it: what each role may do, and which action each operation is.
fn table() -> String {
    let mut lines =
        vec!["# role × action: all = everything, own = servers that the caller owns, - = no".to_owned()];
    let roles = Role::ALL.map(|role| format!("{:15}", role.as_str())).concat();
    lines.push(format!("{:18}{roles}", "").trim_end().to_owned());
    for action in Action::ALL {
        let row = action.row().map(|reach| match reach {
            Some(Reach::All) => "all",
            Some(Reach::Own) => "own",
            None => "-",
        });
        let row = row.map(|reach| format!("{reach:15}")).concat();
        lines.push(format!("{:18}{row}", action.as_str()).trim_end().to_owned());
    }
    lines.push(String::new());
    lines.push("# operation × action".to_owned());
    for operation in operations() {
        lines.push(format!(
            "{:6} {:52} {}",
            operation.method,
            operation.path,
            operation.action()
        ));
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_table_is_the_reviewed_one() {
    golden("admin-roles.txt", &table());
}

#[test]
fn every_operation_is_an_action_of_the_table_and_every_action_an_operation() {
    let actions: BTreeSet<String> = operations().iter().map(Operation::action).collect();
    let known: BTreeSet<String> = Action::ALL
        .iter()
        .map(|action| action.as_str().to_owned())
        .collect();
    assert_eq!(actions, known);
}

#[tokio::test]
async fn every_operation_wants_a_token_and_a_role() {
    let world = World::new().await;
    let nobody = world.token("nobody", &["Tools.User"]);
    let caller_of_tools = world
        .provider
        .token(DATA, "ann", &[], &["Registry.Admin", "Security.Admin"]);
    for operation in operations() {
        let (method, path) = (operation.method.as_str(), operation.concrete_path());
        let recorded = format!("{} {}", operation.method, operation.path);
        let with = |token: &str| {
            world
                .call(method, &path)
                .header("authorization", &format!("Bearer {token}"))
        };
        world.refused.take();

        let answer = world.call(method, &path).send().await;
        answer.problem(StatusCode::UNAUTHORIZED, "no_token");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"onedoor-admin\"")
        );
        assert_eq!(world.refused.take(), [format!("{recorded} - 192.0.2.7 no_token")]);

        let answer = with("x.y.z").send().await;
        answer.problem(StatusCode::UNAUTHORIZED, "malformed_token");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .contains("error=\"invalid_token\""),
            "{recorded}"
        );
        world.refused.take();

        let answer = with(&caller_of_tools).send().await;
        answer.problem(StatusCode::UNAUTHORIZED, "wrong_audience");
        assert_eq!(
            world.refused.take(),
            [format!("{recorded} - 192.0.2.7 wrong_audience")]
        );

        let answer = with(&nobody).send().await;
        let problem = answer.problem(StatusCode::FORBIDDEN, "forbidden");
        for role in operation.roles() {
            assert!(
                problem["detail"].as_str().unwrap().contains(role.as_str()),
                "{recorded}: {problem}"
            );
        }
        assert_eq!(
            world.refused.take(),
            [format!("{recorded} nobody 192.0.2.7 no_role")]
        );
    }
}

#[tokio::test]
async fn each_role_may_do_exactly_what_the_table_says() {
    let world = World::new().await;
    for operation in operations() {
        for role in Role::ALL {
            // With the shape of a request only: what is refused for a role is refused before all else.
            let path = operation.concrete_path();
            let answer = world
                .as_user("ann", &[role.as_str()], &operation.method, &path)
                .send()
                .await;
            let may = operation.roles().contains(&role);
            assert_eq!(
                answer.status == StatusCode::FORBIDDEN,
                !may,
                "{role} {} {path}: {answer:?}",
                operation.method
            );
        }
    }
}

#[tokio::test]
async fn a_tool_owner_has_its_own_servers_and_no_others() {
    let world = World::new().await;
    let ann = |method: &str, path: &str| world.as_user("ann", &["Tool.Owner"], method, path);
    let registered = ann("POST", "/servers")
        .json(&manifest("mine", "ann"))
        .send()
        .await;
    let version = registered.expect(StatusCode::CREATED)["version"]
        .as_u64()
        .unwrap();
    // By a group of its own, too.
    ann("POST", "/servers")
        .json(&manifest("ours", "g-everyone"))
        .send()
        .await
        .expect(StatusCode::CREATED);
    world.refused.take();
    let foreign = ann("POST", "/servers")
        .json(&manifest("theirs", "bob"))
        .send()
        .await;
    foreign.problem(StatusCode::FORBIDDEN, "forbidden");
    assert_eq!(
        world.refused.take(),
        ["POST /api/v1/servers ann 192.0.2.7 not_owner"]
    );
    let theirs = world.register("theirs", "bob").await;

    let listed = ann("GET", "/servers").send().await.expect(StatusCode::OK);
    let slugs: Vec<&Value> = listed["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| &server["slug"])
        .collect();
    assert_eq!(slugs, ["mine", "ours"]);

    // Another's server is to it as one that does not exist.
    for (method, path) in [
        ("GET", "/servers/{}"),
        ("GET", "/servers/{}/history"),
        ("GET", "/servers/{}/versions/1/manifest"),
        ("POST", "/servers/{}/disable"),
        ("POST", "/servers/{}/tools/echo/disable"),
        ("POST", "/servers/{}/promote"),
    ] {
        let send = async |slug: &str| {
            ann(method, &path.replace("{}", slug))
                .if_match(theirs)
                .send()
                .await
        };
        let problem = send("theirs").await.problem(StatusCode::NOT_FOUND, "not_found");
        let nowhere = send("nowhere").await.problem(StatusCode::NOT_FOUND, "not_found");
        assert_eq!(
            problem.to_string(),
            nowhere.to_string().replace("nowhere", "theirs"),
            "{method} {path}"
        );
        assert!(
            send("mine").await.status != StatusCode::NOT_FOUND,
            "{method} {path}"
        );
    }
    assert!(
        world
            .registry
            .snapshot()
            .server("theirs")
            .unwrap()
            .disabled
            .is_none()
    );

    // It stays its owner.
    let version = ann("GET", "/servers/mine").send().await.expect(StatusCode::OK)["version"]
        .as_u64()
        .unwrap_or(version);
    let given_away = ann("PUT", "/servers/mine")
        .if_match(version)
        .json(&manifest("mine", "bob"))
        .send()
        .await;
    given_away.problem(StatusCode::FORBIDDEN, "forbidden");
    let kept = ann("PUT", "/servers/mine")
        .if_match(version)
        .json(&manifest("mine", "ann"))
        .send()
        .await;
    kept.expect(StatusCode::OK);
    // And cannot take another's.
    let taken = ann("PUT", "/servers/theirs")
        .if_match(theirs)
        .json(&manifest("theirs", "ann"))
        .send()
        .await;
    taken.problem(StatusCode::NOT_FOUND, "not_found");
}

#[tokio::test]
async fn who_sees_all_servers_is_told_that_one_is_not_its_own() {
    let world = World::new().await;
    world.register("theirs", "bob").await;
    let both = ["Tool.Owner", "Auditor"];
    world
        .as_user("ann", &both, "GET", "/servers/theirs")
        .send()
        .await
        .expect(StatusCode::OK);
    let answer = world
        .as_user("ann", &both, "POST", "/servers/theirs/disable")
        .send()
        .await;
    let problem = answer.problem(StatusCode::FORBIDDEN, "forbidden");
    assert!(problem["detail"].as_str().unwrap().contains("owner"), "{problem}");
}

#[tokio::test]
async fn a_registration_that_a_tool_owner_has_not_approved_does_not_hand_over_its_server() {
    let world = World::new().await;
    let version = world.register("mine", "ann").await;
    let approved = world
        .admin("POST", "/servers/mine/approve")
        .if_match(version)
        .send()
        .await;
    let version = approved.expect(StatusCode::OK)["version"].as_u64().unwrap();
    // An update names bob; until a Security.Admin approves it, ann stays the owner.
    let updated = world
        .admin("PUT", "/servers/mine")
        .if_match(version)
        .json(&manifest("mine", "bob"))
        .send()
        .await;
    let version = updated.expect(StatusCode::OK)["version"].as_u64().unwrap();
    let sees = async |user: &str| {
        world
            .as_user(user, &["Tool.Owner"], "GET", "/servers/mine")
            .send()
            .await
            .status
    };
    assert_eq!(
        (sees("ann").await, sees("bob").await),
        (StatusCode::OK, StatusCode::NOT_FOUND)
    );
    world
        .admin("POST", "/servers/mine/approve")
        .if_match(version)
        .send()
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        (sees("ann").await, sees("bob").await),
        (StatusCode::NOT_FOUND, StatusCode::OK)
    );
}

#[tokio::test]
async fn the_check_of_a_manifest_tells_nothing_of_a_server_that_is_not_seen() {
    let world = World::new().await;
    world.register("theirs", "bob").await;
    let check = async |roles: &[&str]| {
        let body = manifest("theirs", "ann");
        world
            .as_user("ann", roles, "POST", "/manifests/validate")
            .json(&body)
            .send()
            .await
            .expect(StatusCode::OK)
    };
    assert_eq!(check(&["Tool.Owner"]).await["changes"], Value::Null);
    assert_eq!(check(&["Auditor"]).await["changes"]["tie"], json!(["owner"]));
}

#[tokio::test]
async fn the_audience_keeps_the_planes_apart() {
    let world = World::new().await;
    let both_planes = world.provider.token(ADMIN, "ann", &[], &["Auditor"]);
    let answer = world
        .call("GET", "/servers")
        .header("authorization", &format!("Bearer {both_planes}"))
        .send()
        .await;
    answer.expect(StatusCode::OK);
}
