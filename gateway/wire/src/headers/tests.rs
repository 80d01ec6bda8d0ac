mod params;
mod request;
mod transport;
mod value;

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers as they come, repeated ones included.
pub(crate) fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}
