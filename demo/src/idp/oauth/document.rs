//! Clients whose id is the URL of their metadata (OAuth client ID metadata documents).

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;
use onedoor_connect::{AddressPolicy, Connector, FetchError, Instant};
use url::Url;

use super::super::is_loopback;
use super::client::{ClientMetadata, Registration, UnfitClient};

/// A client id, in bytes, at most: what a gateway takes for one.
const LONGEST_ID: usize = 256;

/// A document, in bytes, at most.
const LONGEST: usize = 16 * 1024;

/// How long a document may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client's document cannot be used. The client's fault, or its server's.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    #[error("the client's metadata document cannot be fetched")]
    Fetch(#[from] FetchError),
    #[error("the client's metadata document is no good: {0}")]
    Unfit(UnfitClient),
    #[error("the client's metadata document is that of another client_id")]
    OtherClient,
}

/// Whether a client id is the URL of a document: https with a path, or http on loopback, as everything here is for development.
pub(super) fn location(client_id: &str) -> Option<Url> {
    let url = Url::parse(client_id)
        .ok()
        .filter(|_| client_id.len() <= LONGEST_ID)?;
    let reachable = match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    };
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    // What is not written as it is read could name one document in two ways.
    (reachable && plain && url.path() != "/" && url.as_str() == client_id).then_some(url)
}

/// Fetches a client's metadata: from public addresses, and this machine's own.
pub(super) async fn fetch(connector: &Connector, url: &Url) -> Result<Registration, DocumentError> {
    let loopback = [
        IpNet::new_assert(Ipv4Addr::LOCALHOST.into(), 8),
        IpNet::new_assert(Ipv6Addr::LOCALHOST.into(), 128),
    ];
    let policy = AddressPolicy::allowing(&loopback);
    let document = connector
        .get_json(url, policy, LONGEST, Instant::now() + PATIENCE)
        .await?;
    read(&document, url.as_str())
}

fn read(document: &[u8], id: &str) -> Result<Registration, DocumentError> {
    let metadata = ClientMetadata::parse(document).map_err(DocumentError::Unfit)?;
    if metadata.client_id.as_deref() != Some(id) {
        return Err(DocumentError::OtherClient);
    }
    metadata.register(id.to_owned()).map_err(DocumentError::Unfit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_at_an_https_url_with_a_path() {
        for (id, good) in [
            ("https://vscode.dev/oauth/client-metadata.json", true),
            ("http://127.0.0.1:9/client.json", true),
            ("http://localhost/client.json", true),
            ("http://client.example/client.json", false),
            ("https://client.example/", false),
            ("https://client.example", false),
            ("https://client.example/a/../client.json", false),
            ("https://me@client.example/client.json", false),
            ("https://client.example/client.json#x", false),
            ("file:///client.json", false),
            (&format!("https://client.example/{}", "a".repeat(256)), false),
            ("7d30c8e2-4a95-4f6b-b1c8-f06e29d5a317", false),
        ] {
            assert_eq!(location(id).is_some(), good, "{id}");
        }
    }

    #[test]
    fn a_document_is_about_the_url_it_is_at() {
        let id = "https://client.example/client.json";
        let document = |id: &str| {
            let document =
                json!({ "client_id": id, "client_name": "C", "redirect_uris": ["http://127.0.0.1/cb"] });
            document.to_string().into_bytes()
        };
        assert_eq!(read(&document(id), id).unwrap().id, id);
        for other in [
            "https://client.example/other.json",
            "https://client.example/client.json/",
        ] {
            assert!(
                matches!(read(&document(other), id), Err(DocumentError::OtherClient)),
                "{other}"
            );
        }
        assert!(matches!(
            read(br#"{"redirect_uris":[]}"#, id),
            Err(DocumentError::OtherClient)
        ));
        assert!(matches!(read(b"<html>", id), Err(DocumentError::Unfit(_))));
    }
}
