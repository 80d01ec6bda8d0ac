//! Sender and measured server, straight at each other.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use onedoor_bench::{
    client::{CallFailed, Target},
    load::{closed_loop, open_loop},
    message::{Case, Era, Form, Payload, WrongAnswer},
    upstream::Upstream,
};

fn target(upstream: &Upstream) -> Target {
    Target::new(upstream.address, Uri::from_static("/mcp"), Era::Stateless, None)
}

#[tokio::test]
async fn every_kind_of_call_is_answered_right() {
    let upstream = Upstream::start().unwrap();
    let target = target(&upstream);
    let mut connection = target.connection();
    for case in Case::ALL {
        let answered = connection.call(case).await.unwrap();
        assert!(answered.first <= answered.last, "{case}");
    }
    assert_eq!(upstream.calls_through_the_door(), 0);
}

#[tokio::test]
async fn every_kind_of_call_is_answered_right_in_a_session() {
    let upstream = Upstream::start().unwrap();
    let mut target = Target::new(upstream.address, Uri::from_static("/mcp"), Era::Session, None);
    target.open_session().await.unwrap();
    for case in Case::ALL {
        target.connection().call(case).await.unwrap();
    }
    assert_eq!(target.open_stream().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_open_loop_makes_every_call_that_is_due() {
    let upstream = Upstream::start().unwrap();
    let target = target(&upstream);
    let outcome = open_loop(&target, Case::ALL[3], 200, Duration::from_millis(500), 4)
        .await
        .unwrap();
    assert_eq!(
        (outcome.answered(), outcome.failed()),
        (100, 0),
        "{:?}",
        outcome.errors
    );
}

#[tokio::test]
async fn a_closed_loop_uses_all_connections() {
    let upstream = Upstream::start().unwrap();
    let target = target(&upstream);
    let outcome = closed_loop(&target, Case::ALL[1], Duration::from_millis(200), 3)
        .await
        .unwrap();
    assert!(outcome.answered() >= 3);
    assert_eq!(outcome.failed(), 0, "{:?}", outcome.errors);
}

#[tokio::test]
async fn wrong_answers_are_counted_as_errors() {
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = elsewhere.local_addr().unwrap();
    let server = not_found(elsewhere);
    let target = Target::new(address, Uri::from_static("/mcp"), Era::Stateless, None);
    let failed = target.connection().call(Case::ALL[0]).await;
    assert!(
        matches!(failed, Err(CallFailed::Wrong(WrongAnswer::Status(404)))),
        "{failed:?}"
    );
    let outcome = open_loop(&target, Case::ALL[0], 100, Duration::from_millis(100), 2)
        .await
        .unwrap();
    assert_eq!((outcome.answered(), outcome.failed()), (0, 10));
    assert_eq!(
        outcome.errors.get("HTTP status 404"),
        Some(&10),
        "{:?}",
        outcome.errors
    );
    server.abort();
}

/// Answers everything with 404.
fn not_found(listener: tokio::net::TcpListener) -> tokio::task::JoinHandle<()> {
    use http_body_util::{BodyExt as _, Full};
    use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(async |request: Request<Incoming>| {
                request.into_body().collect().await?;
                let mut response = Response::new(Full::<bytes::Bytes>::default());
                *response.status_mut() = http::StatusCode::NOT_FOUND;
                Ok::<_, hyper::Error>(response)
            });
            tokio::spawn(
                http1::Builder::new().serve_connection(hyper_util::rt::TokioIo::new(stream), service),
            );
        }
    })
}

#[test]
fn only_the_right_answer_passes() {
    let json = Case {
        payload: Payload::Small,
        form: Form::Json,
    };
    let sse = Case {
        payload: Payload::Small,
        form: Form::Sse,
    };
    let bytes = Payload::Small.arguments().len();
    let headers = |media_type: &'static str| {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))])
    };
    let answer = |id: u64, bytes: usize| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"structuredContent":{{"argumentsBytes":{bytes}}}}}}}"#
        )
    };
    let event = |data: &str| format!("event: message\ndata: {data}\n\n");
    let progress = |token: u64, step: u64| {
        event(&format!(
            r#"{{"method":"notifications/progress","params":{{"progressToken":{token},"progress":{step}}}}}"#
        ))
    };
    let stream = |steps: &[u64], token: u64| {
        let progress: String = steps.iter().map(|step| progress(token, *step)).collect();
        progress + &event(&answer(7, bytes))
    };
    let (application_json, event_stream) = (headers("application/json"), headers("text/event-stream"));
    let right =
        |case: Case, status, headers, body: &str| case.check(7, status, headers, body.as_bytes()).is_ok();

    assert!(right(json, 200, &application_json, &answer(7, bytes)));
    assert!(!right(json, 202, &application_json, &answer(7, bytes)));
    assert!(!right(json, 200, &event_stream, &answer(7, bytes)));
    assert!(!right(json, 200, &application_json, &answer(8, bytes)));
    assert!(!right(json, 200, &application_json, &answer(7, bytes + 1)));
    assert!(!right(
        json,
        200,
        &application_json,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}"#
    ));

    assert!(right(sse, 200, &event_stream, &stream(&[1, 2, 3], 7)));
    assert!(!right(sse, 200, &event_stream, &stream(&[1, 3, 2], 7)));
    assert!(!right(sse, 200, &event_stream, &stream(&[1, 2], 7)));
    assert!(!right(sse, 200, &event_stream, &stream(&[1, 2, 3], 6)));
    assert!(!right(
        sse,
        200,
        &event_stream,
        &stream(&[1, 2, 3], 7).replace("data: ", "data:")
    ));
    assert!(!right(sse, 200, &event_stream, ""));
}
