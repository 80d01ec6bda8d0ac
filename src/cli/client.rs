//! The admin API over HTTP.

use std::{error::Error as _, time::Duration};

use reqwest::{StatusCode, header::AUTHORIZATION, redirect};
use url::Url;

use super::{
    answer::Answer,
    failure::{Failure, Refused},
    problem::Problem,
    request::Request,
    token::Token,
};

/// For a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole exchange. The API waits at most 5 s for a revision.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one admin plane, acting as one caller.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    token: Token,
    /// The development user who may do what the caller may not.
    better: Option<&'static str>,
}

/// Nothing answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach {url}{}{}", reason(source), if *.unsure { UNSURE } else { "" })]
pub(super) struct Unreachable {
    url: String,
    source: reqwest::Error,
    /// Whether a command may have been carried out all the same.
    unsure: bool,
}

/// An address that no request can be sent to.
#[derive(Debug, thiserror::Error)]
#[error("{0} cannot be used: give an address such as https://onedoor.example.com:8081")]
pub(super) struct BadAddress(String);

const UNSURE: &str = "; whether the command was carried out is not known: look before you repeat it";

/// A client that sends tokens to where it is told to, and nowhere else: no proxy out of the environment, no redirects.
pub(super) fn http() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("onedoor/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .build()
}

impl Client {
    pub(super) fn new(base: Url, token: &Token, better: Option<&'static str>) -> Result<Self, Failure> {
        let is_http = matches!(base.scheme(), "https" | "http");
        if !is_http || !base.username().is_empty() || base.password().is_some() {
            return Err(BadAddress(shown(&base)).into());
        }
        let http = http().map_err(|source| Unreachable::new(&base, source))?;
        Ok(Self {
            http,
            base,
            token: token.clone(),
            better,
        })
    }

    /// Sends a request, and once more with the same key where the connection broke or the door is not ready. What is not a
    /// success is a failure.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let answer = match self.exchange(request).await {
            Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                tokio::time::sleep(answer.retry_after()).await;
                self.exchange(request).await?
            }
            Ok(answer) => answer,
            Err(first) => self
                .exchange(request)
                .await
                .map_err(|second| second.after(&first))?,
        };
        if answer.status.is_success() {
            return Ok(answer);
        }
        let problem = Problem::read(&answer, request);
        Err(Refused {
            problem,
            better: self.better,
        }
        .into())
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, Unreachable> {
        self.attempt(request).await.map_err(|source| Unreachable {
            unsure: request.is_command() && !source.is_connect(),
            ..Unreachable::new(&self.base, source)
        })
    }

    async fn attempt(&self, request: &Request) -> reqwest::Result<Answer> {
        let mut sent = self
            .http
            .request(request.method.clone(), self.url(request))
            .headers(request.headers.clone())
            .header(AUTHORIZATION, self.token.authorization());
        if let Some(body) = &request.body {
            sent = sent.body(body.clone());
        }
        let answer = sent.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    fn url(&self, request: &Request) -> Url {
        let mut url = self.base.clone();
        // An http URL always has a path.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["api", "v1"])
                .extend(&request.path);
        }
        url.set_query(None);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url
    }
}

impl Unreachable {
    pub(super) fn new(url: &Url, source: reqwest::Error) -> Self {
        Self {
            url: shown(url),
            source: source.without_url(),
            unsure: false,
        }
    }

    /// The failure of a retry: what the first try may have done stays undone by none.
    fn after(self, first: &Self) -> Self {
        Self {
            unsure: self.unsure || first.unsure,
            ..self
        }
    }
}

/// An address as messages show it: without credentials.
fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The innermost cause is the one that tells: "Connection refused".
fn reason(error: &reqwest::Error) -> String {
    let inner = std::iter::successors(error.source(), |&error| error.source()).last();
    let cause = inner.map_or_else(|| error.to_string(), ToString::to_string);
    let hint = if error.is_connect() {
        ": is Onedoor running?"
    } else {
        ""
    };
    format!("{hint} ({cause})")
}
