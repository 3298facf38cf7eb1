//! The app's files and the headers of every answer.

use crate::client::{Reply, Server};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, IF_NONE_MATCH};
use sotto_wire::Code;
use std::path::Path;
use tempfile::TempDir;

fn app() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let files: [(&str, &str); 7] = [
        ("index.html", "<!doctype html>"),
        ("app-0123456789abcdef.js", "plain"),
        ("app-0123456789abcdef.js.br", "brotli"),
        ("app-0123456789abcdef.js.gz", "gzip"),
        ("app-0123456789abcdef_bg.wasm", "wasm"),
        ("sw.js", "worker"),
        ("manifest.webmanifest", "{}"),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

async fn serving(app: &Path) -> Server {
    Server::start_with(|config| config.app_dir = Some(app.to_owned())).await
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().expect("text"))
}

async fn get(server: &Server, path: &str) -> Reply {
    Reply::to_get(server, path, HeaderMap::new()).await
}

#[tokio::test]
async fn every_answer_has_the_strict_headers_and_does_not_name_the_server() {
    let app = app();
    let server = serving(app.path()).await;
    for path in ["/", "/sw.js", "/missing.js", "/api/nothing", "/health/live"] {
        let reply = get(&server, path).await;
        let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; \
                      connect-src 'self'; img-src 'self' blob:; media-src 'self' blob:; style-src 'self'; \
                      font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default";
        assert_eq!(header(&reply, "content-security-policy"), Some(policy), "{path}");
        assert_eq!(header(&reply, "cross-origin-opener-policy"), Some("same-origin"), "{path}");
        assert_eq!(header(&reply, "cross-origin-resource-policy"), Some("same-origin"), "{path}");
        assert_eq!(header(&reply, "referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(header(&reply, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&reply, "server"), None, "{path}");
        let permissions = header(&reply, "permissions-policy").expect("there");
        let allowed: Vec<_> = permissions.split(", ").filter(|item| !item.ends_with("=()")).collect();
        assert_eq!(allowed, ["camera=(self)", "clipboard-write=(self)", "microphone=(self)"], "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn answers_of_commands_are_never_stored() {
    let server = Server::start().await;
    assert_eq!(header(&get(&server, "/api/nothing").await, "cache-control"), Some("no-store"));
    server.stop().await;
}

#[tokio::test]
async fn hashed_file_is_kept_for_good_and_any_other_asked_for_each_time() {
    let app = app();
    let server = serving(app.path()).await;
    let cases = [
        ("/", "no-cache", "text/html; charset=utf-8", "<!doctype html>"),
        ("/index.html", "no-cache", "text/html; charset=utf-8", "<!doctype html>"),
        ("/sw.js", "no-cache", "text/javascript; charset=utf-8", "worker"),
        ("/manifest.webmanifest", "no-cache", "application/manifest+json", "{}"),
        ("/app-0123456789abcdef.js", "public, max-age=31536000, immutable", "text/javascript; charset=utf-8", "plain"),
        ("/app-0123456789abcdef_bg.wasm", "public, max-age=31536000, immutable", "application/wasm", "wasm"),
    ];
    for (path, cache, media_type, body) in cases {
        let reply = get(&server, path).await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, body.as_bytes()), "{path}");
        assert_eq!(header(&reply, "cache-control"), Some(cache), "{path}");
        assert_eq!(header(&reply, "content-type"), Some(media_type), "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn best_encoding_that_is_wanted_and_made_is_sent() {
    let app = app();
    let server = serving(app.path()).await;
    let cases = [
        ("gzip, deflate, br", "/app-0123456789abcdef.js", Some("br"), "brotli"),
        ("gzip", "/app-0123456789abcdef.js", Some("gzip"), "gzip"),
        ("br;q=0, gzip;q=0", "/app-0123456789abcdef.js", None, "plain"),
        ("br, gzip", "/sw.js", None, "worker"),
    ];
    for (accepted, path, encoding, body) in cases {
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
        let reply = Reply::to_get(&server, path, headers).await;
        assert_eq!((header(&reply, "content-encoding"), reply.body.as_slice()), (encoding, body.as_bytes()));
        assert_eq!(header(&reply, "vary"), Some("accept-encoding"));
    }
    server.stop().await;
}

#[tokio::test]
async fn link_into_the_app_gets_the_app_and_a_missing_file_stays_missing() {
    let app = app();
    let server = serving(app.path()).await;
    for path in ["/chats", "/chats/abc/settings?x=1"] {
        let reply = get(&server, path).await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"<!doctype html>".as_slice()), "{path}");
        assert_eq!(header(&reply, "cache-control"), Some("no-cache"), "{path}");
    }
    for path in ["/app-fedcba9876543210.js", "/favicon.ico", "/.git/config", "/%2e%2e/server.key"] {
        let reply = get(&server, path).await;
        assert_eq!((reply.status, header(&reply, "cache-control")), (404, Some("no-store")), "{path}");
    }
    assert_eq!(get(&server, "/api/chats").await.refusal(), (404, Code::UnknownCommand));
    server.stop().await;
}

#[tokio::test]
async fn path_from_the_root_of_the_disk_leads_nowhere() {
    let app = app();
    let secret = tempfile::tempdir().expect("a folder");
    std::fs::write(secret.path().join("server.key"), "secret").expect("written");
    let server = serving(app.path()).await;
    for slashes in ["/", "//"] {
        let reply = get(&server, &format!("{slashes}{}/server.key", secret.path().display())).await;
        assert_eq!((reply.status, reply.body.as_slice()), (404, b"there is no such file\n".as_slice()), "{slashes}");
    }
    server.stop().await;
}

#[tokio::test]
async fn unchanged_file_is_not_sent_again() {
    let app = app();
    let server = serving(app.path()).await;
    let first = get(&server, "/").await;
    let etag = first.headers["etag"].clone();
    let headers = HeaderMap::from_iter([(IF_NONE_MATCH, etag.clone())]);
    let same = Reply::to_get(&server, "/", headers.clone()).await;
    assert_eq!((same.status, same.body.len(), &same.headers["etag"]), (304, 0, &etag));
    std::fs::write(app.path().join("index.html"), "<!doctype html><p>").expect("written");
    let changed = Reply::to_get(&server, "/", headers).await;
    assert_eq!((changed.status, changed.body.as_slice()), (200, b"<!doctype html><p>".as_slice()));
    server.stop().await;
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let app = app();
    let server = serving(app.path()).await;
    let reply = server.http.head(format!("{}/sw.js", server.origin)).send().await.expect("an answer");
    assert_eq!(reply.status().as_u16(), 200);
    assert_eq!(reply.headers()["content-length"], "6");
    assert_eq!(reply.bytes().await.expect("a body").len(), 0);
    server.stop().await;
}
