//! A plain HTTP service that does what a request asks of it, and keeps what it was asked.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Query, Request},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use parking_lot::Mutex;
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// How often an endless answer goes on.
const BEAT: Duration = Duration::from_millis(20);

/// A service. Dropped, it closes its connections.
#[derive(Debug)]
pub struct Service {
    /// Scheme, host and port.
    pub origin: String,
    /// What a client must trust, as PEM; none without TLS.
    pub authority: Option<String>,
    seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Seen {
    asked: Mutex<Vec<Asked>>,
    /// Answers under way.
    open: watch::Sender<usize>,
}

/// A request's head.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Asked {
    pub version: Version,
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
}

/// An answer that is under way.
struct Open(Arc<Seen>);

impl Service {
    /// Starts one that speaks HTTP/1.1 in plain text.
    pub async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Starts one that speaks HTTP/2 in TLS.
    pub async fn start_http2() -> Self {
        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![issued.cert.der().clone()],
                PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()).into(),
            )
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let authority = pem::encode(&pem::Pem::new("CERTIFICATE", &issued.cert.der()[..]));
        Self::start_with(Some((TlsAcceptor::from(Arc::new(config)), authority))).await
    }

    async fn start_with(tls: Option<(TlsAcceptor, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tls, authority) = tls.unzip();
        let origin = match tls {
            None => format!("http://{address}"),
            Some(_) => format!("https://localhost:{}", address.port()),
        };
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        let router = Router::new().fallback(move |request| answer(Arc::clone(&shared), request));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (router, tls) = (router.clone(), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, router).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, router).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            origin,
            authority,
            seen,
            _tasks: tasks,
        }
    }

    /// Every request it has read the head of.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.asked.lock().clone()
    }

    /// Waits until so many answers are under way.
    pub async fn open_answers(&self, number: usize) {
        let mut open = self.seen.open.subscribe();
        let reached = open.wait_for(|open| *open == number);
        crate::wait::within("the number of open answers", reached)
            .await
            .unwrap();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let server = auto::Builder::new(TokioExecutor::new());
    // A gateway that has gone does not matter.
    let _ = server
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

/// Does what the last segment of the path says.
async fn answer(seen: Arc<Seen>, request: Request) -> Response {
    seen.asked.lock().push(Asked {
        version: request.version(),
        method: request.method().clone(),
        target: request.uri().path_and_query().unwrap().to_string(),
        headers: request.headers().clone(),
    });
    seen.open.send_modify(|open| *open += 1);
    let open = Open(seen);
    let path = request.uri().path().to_owned();
    match path.rsplit('/').next().unwrap_or_default() {
        // The body, as it comes.
        "echo" => holding(
            open,
            futures_util::TryStreamExt::map_err(request.into_body().into_data_stream(), io::Error::other),
        ),
        // How many bytes, and trailers, the body has.
        "count" => match request.into_body().collect().await {
            Ok(body) => {
                let trailers = body.trailers().map_or(0, HeaderMap::len);
                format!("{} {trailers}", body.to_bytes().len()).into_response()
            }
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        },
        // Ten megabytes.
        "big" => {
            let piece = Bytes::from(vec![b'x'; 64 << 10]);
            Body::from_stream(stream::iter(
                (0..160).map(move |_| Ok::<_, Infallible>(piece.clone())),
            ))
            .into_response()
        }
        // A piece, and another, for ever.
        "endless" => {
            let beats = stream::unfold(tokio::time::interval(BEAT), async |mut beat| {
                beat.tick().await;
                Some((Ok::<_, io::Error>(Bytes::from_static(b"beat\n")), beat))
            });
            holding(open, beats)
        }
        // A piece, and then the connection or stream breaks.
        "broken" => {
            let beats = stream::unfold((tokio::time::interval(BEAT), true), async |(mut beat, first)| {
                beat.tick().await;
                let piece = if first {
                    Ok(Bytes::from_static(b"half"))
                } else {
                    Err(io::Error::other("broken"))
                };
                Some((piece, (beat, false)))
            });
            holding(open, beats)
        }
        // Never, while the request goes on.
        "hangs" => {
            if request.into_body().collect().await.is_ok() {
                std::future::pending::<()>().await;
            }
            drop(open);
            StatusCode::BAD_REQUEST.into_response()
        }
        // The status and the headers of the query.
        _ => described(&request),
    }
}

fn described(request: &Request) -> Response {
    let Query(wanted) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).unwrap_or_default();
    let mut response = "here".into_response();
    for (name, value) in wanted {
        if name == "status" {
            *response.status_mut() = value.parse().unwrap();
        } else if let Some(name) = name.strip_prefix("h-") {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            response
                .headers_mut()
                .append(name, HeaderValue::try_from(value).unwrap());
        }
    }
    response
}

/// A stream that counts as open until it is dropped.
fn holding(
    open: Open,
    pieces: impl futures_util::Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> Response {
    let held = stream::unfold((Box::pin(pieces), open), async |(mut pieces, open)| {
        let piece = futures_util::StreamExt::next(&mut pieces).await?;
        Some((piece, (pieces, open)))
    });
    Body::from_stream(held).into_response()
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}
