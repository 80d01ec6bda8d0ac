//! Plain HTTP tools, over both protocols on both sides.

mod answers;
mod audit;
mod headers;
mod limits;
mod paths;
mod streams;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::BodyExt as _;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use onedoor_tests::{
    dev::Dev,
    manifest::{Manifest, route},
    raw::{RawAnswer, RawRequest},
    service::Service,
    token::Token,
    wait,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet};

/// A door with a plain HTTP service behind the slug `plain`, all tools of which but `secret` `analyst` may call.
struct Plain {
    dev: Dev,
    service: Service,
    token: Token,
}

/// An answer under way. Dropped, its connection is closed.
struct Answer {
    response: Response<Incoming>,
    _connection: JoinSet<()>,
}

impl Plain {
    /// With a service that speaks HTTP/1.1.
    async fn start() -> Self {
        let (dev, service) = tokio::join!(Dev::start(), Service::start());
        Self::open(dev, service).await
    }

    /// With a service that speaks HTTP/2 in TLS.
    async fn start_http2() -> Self {
        let (dev, service) = tokio::join!(Dev::start(), Service::start_http2());
        Self::open(dev, service).await
    }

    async fn open(dev: Dev, service: Service) -> Self {
        let admin = dev.admin("admin").await;
        if let Some(authority) = &service.authority {
            let file = dev.folder().join("plain-ca.pem");
            std::fs::write(&file, authority).unwrap();
            let ca = json!({ "plain": { "ca": format!("file:{}", file.display()) } });
            admin.set(|settings| settings["upstreamTls"] = ca).await;
        }
        let manifest = manifest(&service);
        admin.open(&manifest).await;
        for tool in &manifest.tools {
            let name = tool["name"].as_str().unwrap();
            if name != "secret" {
                admin
                    .grant(&dev.analysts(), "plain", Some(name), "production")
                    .await;
            }
        }
        let token = dev.token("analyst").await;
        Self { dev, service, token }
    }

    /// A request to be written by hand, with a good token.
    fn raw(&self, start: &str) -> RawRequest {
        RawRequest::new(start, self.dev.data_address())
            .with("Authorization", &format!("Bearer {}", self.token.expose()))
    }

    async fn send_raw(&self, request: &RawRequest) -> RawAnswer {
        request.send(self.dev.data_address()).await
    }

    /// The answer to a request, whose target is below the data plane's URL, on a fresh connection of this protocol.
    async fn send(&self, version: Version, mut request: Request<Body>) -> Answer {
        let address = self.dev.data_address();
        let bearer = format!("Bearer {}", self.token.expose());
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, HeaderValue::try_from(bearer).unwrap());
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let mut connections = JoinSet::new();
        let response = if version == Version::HTTP_2 {
            let target = format!("http://{address}{}", request.uri());
            *request.uri_mut() = target.parse().unwrap();
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            connections.spawn(async move { drop(connection.await) });
            wait::within("an answer", sender.send_request(request)).await
        } else {
            headers.insert(header::HOST, HeaderValue::try_from(address).unwrap());
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            connections.spawn(async move { drop(connection.await) });
            wait::within("an answer", sender.send_request(request)).await
        };
        Answer {
            response: response.unwrap(),
            _connection: connections,
        }
    }

    /// The answer to a GET of HTTP/1.1.
    async fn get(&self, target: &str) -> Answer {
        let request = Request::get(target).body(Body::empty()).unwrap();
        self.send(Version::HTTP_11, request).await
    }

    /// Targets that the service was asked for.
    fn targets(&self) -> Vec<String> {
        let asked = self.service.asked();
        asked
            .into_iter()
            .map(|asked| format!("{} {}", asked.method, asked.target))
            .collect()
    }
}

impl Answer {
    fn status(&self) -> StatusCode {
        self.response.status()
    }

    fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// The next bytes of the body; none at its end.
    async fn piece(&mut self) -> Option<Result<String, hyper::Error>> {
        let frame = wait::within("a piece", self.response.body_mut().frame()).await?;
        Some(frame.map(|frame| String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()))
    }

    /// All of the body.
    async fn text(self) -> Result<String, hyper::Error> {
        let body = wait::within("a body", self.response.into_body().collect()).await?;
        Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }

    /// The `reason` of a refusal.
    async fn reason(self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let problem: Value = serde_json::from_str(&self.text().await.unwrap()).unwrap();
        problem["reason"].as_str().unwrap().to_owned()
    }
}

fn manifest(service: &Service) -> Manifest {
    let mut manifest = Manifest::new("plain", &format!("{}/base", service.origin), []);
    manifest.http = true;
    manifest.tools = [
        ("echo", "POST", "/echo"),
        ("count", "PUT", "/count"),
        ("big", "GET", "/big"),
        ("endless", "GET", "/endless"),
        ("broken", "GET", "/broken"),
        ("hangs", "POST", "/hangs"),
        ("answer", "GET", "/answer"),
        ("answer_head", "HEAD", "/answer"),
        ("item", "GET", "/items/{id}"),
        ("secret", "GET", "/items/secret"),
        ("remove", "DELETE", "/items/{id}"),
        ("files", "GET", "/files/{*path}"),
    ]
    .map(|(name, method, path)| route(name, method, path))
    .to_vec();
    manifest
}
