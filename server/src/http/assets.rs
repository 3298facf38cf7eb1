//! The app's files: from inside the binary, or from a folder while one works on them.
//!
//! The rule: a file whose name carries its hash never changes and is kept by browsers for good; any other is asked for
//! each time. A path without a file name is the app's own, and gets the app.

use crate::app::App;
use crate::http::endpoint::wrong_method;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// What was in `dist/` when the binary was built.
#[derive(rust_embed::RustEmbed)]
#[folder = "../dist"]
#[allow_missing = true]
struct Embedded;

const INDEX: &str = "index.html";
/// A year, the longest that means anything (RFC 9111 §5.3), and no question in between (RFC 8246).
const FOR_GOOD: &str = "public, max-age=31536000, immutable";
const ASK_EACH_TIME: &str = "no-cache";
/// Trunk puts 16 hexadecimal digits into a name; 8 are no accident already.
const HASH_MIN_DIGITS: usize = 8;

/// A file as it is sent.
struct File {
    bytes: Cow<'static, [u8]>,
    digest: [u8; 32],
}

/// Answers with a file of the app.
pub(crate) async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return wrong_method(State(app)).await;
    }
    let is_head = request.method() == Method::HEAD;
    let folder = app.config.app_dir.as_deref();
    let Some(path) = plain(request.uri().path()) else { return missing() };
    let response = match respond(folder, path, request.headers()).await {
        Some(response) => response,
        // A link into the app, opened anew; what looks like a file and is none stays missing.
        None if !path.rsplit('/').next().is_some_and(|name| name.contains('.')) => {
            respond(folder, INDEX, request.headers()).await.unwrap_or_else(missing)
        }
        None => missing(),
    };
    if is_head { response.map(|_| Body::empty()) } else { response }
}

/// The path without its first slash; `None` when a part of it could lead anywhere but down.
fn plain(path: &str) -> Option<&str> {
    // What begins with a slash still would be a path from the root of the disk, whatever folder it is joined to.
    let path = path.strip_prefix('/').filter(|path| !path.starts_with('/'))?;
    let is_plain = path.split('/').all(|part| !part.starts_with('.') && !part.contains(['\\', '%', ':', '\0']));
    match path {
        "" => Some(INDEX),
        _ if is_plain => Some(path),
        _ => None,
    }
}

async fn respond(folder: Option<&Path>, path: &str, request: &HeaderMap) -> Option<Response> {
    let (file, encoding) = choose(folder, path, request).await?;
    let etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&file.digest[..16]));
    let etag = HeaderValue::try_from(etag).expect("base64url is visible ASCII");
    let known = request.get_all(IF_NONE_MATCH).iter().any(|value| value == etag);
    let length = file.bytes.len();
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let mut response = Response::new(Body::from(bytes));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(encoding) = encoding {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let cache = if is_hashed(path) { FOR_GOOD } else { ASK_EACH_TIME };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response.headers_mut().insert(ETAG, etag);
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    Some(response)
}

/// The file in the best encoding that the browser takes and the build has made.
async fn choose(folder: Option<&Path>, path: &str, request: &HeaderMap) -> Option<(File, Option<&'static str>)> {
    for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if accepts(request, encoding)
            && let Some(file) = find(folder, &format!("{path}{suffix}")).await
        {
            return Some((file, Some(encoding)));
        }
    }
    find(folder, path).await.map(|file| (file, None))
}

async fn find(folder: Option<&Path>, path: &str) -> Option<File> {
    match folder {
        Some(folder) => {
            let bytes = tokio::fs::read(folder.join(path)).await.ok()?;
            let digest = Sha256::digest(&bytes).into();
            Some(File { bytes: Cow::Owned(bytes), digest })
        }
        None => {
            let file = Embedded::get(path)?;
            Some(File { bytes: file.data, digest: file.metadata.sha256_hash() })
        }
    }
}

/// Whether the request takes `encoding` (RFC 9110 §12.5.3): it is listed, and not with a weight of nought.
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let lines = request.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let weight = parts.find_map(|part| part.strip_prefix("q=")).and_then(|weight| weight.parse::<f32>().ok());
        named && weight != Some(0.0)
    })
}

/// Whether a part of the path carries a hash: hexadecimal digits after a `-`, up to the end, a `.` or a `_`.
fn is_hashed(path: &str) -> bool {
    let mut runs = path.split('/').flat_map(|part| part.split('-').skip(1));
    runs.any(|run| {
        let digits = run.bytes().take_while(u8::is_ascii_hexdigit).count();
        digits >= HASH_MIN_DIGITS && matches!(run.as_bytes().get(digits), None | Some(b'.' | b'_'))
    })
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")], "there is no such file\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_that_could_lead_up_or_out_is_no_path() {
        let outside =
            ["/../server.key", "/a/../../b", "/.git/config", "/%2e%2e/b", "/a\\b", "/c:/b", "a", "//etc/hosts", "//"];
        for path in outside {
            assert_eq!(plain(path), None, "{path}");
        }
        assert_eq!(plain("/"), Some(INDEX));
        assert_eq!(plain("/snippets/a-1/b.js"), Some("snippets/a-1/b.js"));
    }

    #[test]
    fn hash_is_told_from_a_word() {
        for path in ["app-0123456789abcdef.js", "app-0123456789abcdef_bg.wasm", "snippets/x-0123456789abcdef/a.js"] {
            assert!(is_hashed(path), "{path}");
        }
        for path in ["index.html", "sw.js", "made-up.js", "deadbeef01.js", "a-deadbeefs.js", "a-1234567.js"] {
            assert!(!is_hashed(path), "{path}");
        }
    }

    #[test]
    fn encoding_counts_only_when_it_is_wanted() {
        let accepting = |line: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(line));
            accepts(&headers, "br")
        };
        assert!(accepting("gzip, deflate, br, zstd"));
        assert!(accepting("br;q=0.5"));
        assert!(!accepting("gzip, br;q=0"));
        assert!(!accepting("brotli"));
        assert!(!accepting(""));
    }
}
