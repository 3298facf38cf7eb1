//! What may be called where inside a crate: the core decides without the world, its parts are apart, the app has one bridge,
//! SQL stands in the store. Owns the lists of parts and of forbidden names.
use crate::lexer::paths_below;
use crate::tree::{Finding, Source, Tree};

const CORE_PARTS: [&str; 7] = ["inbox", "outbox", "group", "stream", "session", "call", "view"];
/// The part whose types are plain values, made for being shown: any part may fill them, as with the contract.
const VALUES: &str = "view";
const LOWER_SERVER_PARTS: [&str; 3] = ["store", "bus", "blob"];

/// Types of `web_sys` that are the network, storage or cryptography of a browser.
const BROWSER_TYPES: [&str; 14] = [
    "BroadcastChannel",
    "Cache",
    "CacheStorage",
    "Crypto",
    "EventSource",
    "IdbDatabase",
    "IdbFactory",
    "LockManager",
    "Request",
    "Response",
    "Storage",
    "SubtleCrypto",
    "WebSocket",
    "XmlHttpRequest",
];
/// Methods and crates that lead there.
const BROWSER_CALLS: [&str; 9] = [
    "gloo_net::",
    "gloo_storage::",
    "idb::",
    "reqwest::",
    ".fetch_with_",
    ".local_storage(",
    ".session_storage(",
    ".indexed_db(",
    ".crypto(",
];

/// Rule 1: nothing in the core depends on the platform, waits, or reads a clock, a file or the network.
pub(crate) fn core_is_sans_io(tree: &Tree) -> Vec<Finding> {
    let forbidden = [
        ("cfg(target_", "the core is the same on every platform"),
        ("cfg!(target_", "the core is the same on every platform"),
        ("async", "the core does not wait; the driver does"),
        ("await", "the core does not wait; the driver does"),
        ("Instant", "time is an argument"),
        ("SystemTime", "time is an argument"),
        ("std::fs", "the core asks to persist and to load"),
        ("std::net", "the core asks for requests and streams"),
        ("std::thread", "the core is one state, driven by its caller"),
    ];
    let in_core = tree.rust(&["sdk/core/src/"]);
    in_core.flat_map(|source| forbidden.iter().flat_map(|(piece, why)| source.findings_of(piece, why))).collect()
}

/// Rule 4: parts of the core do not call each other.
pub(crate) fn core_parts_are_apart(tree: &Tree) -> Vec<Finding> {
    let foreign = |name: &str| name != VALUES && CORE_PARTS.contains(&name);
    apart(tree, "sdk/core/src/", &CORE_PARTS, foreign)
}

/// Rule 3: `store`, `bus` and `blob` import no sibling.
pub(crate) fn lower_parts_of_the_server_are_apart(tree: &Tree) -> Vec<Finding> {
    apart(tree, "server/src/", &LOWER_SERVER_PARTS, |_| true)
}

/// Rule 2: only `client.rs` of the app may use what reaches beyond the page.
pub(crate) fn app_has_one_bridge(tree: &Tree) -> Vec<Finding> {
    let why = "the app reads signals that app/src/client.rs feeds from the SDK";
    let mut findings = Vec::new();
    for source in tree.rust(&["app/src/"]).filter(|source| !is_part(source, "app/src/", "client")) {
        findings.extend(BROWSER_CALLS.iter().flat_map(|piece| source.findings_of(piece, why)));
        let types = paths_below(&source.code, "web_sys::").into_iter().filter(|(_, name)| BROWSER_TYPES.contains(name));
        findings.extend(types.map(|(at, name)| source.finding(at, format!("web_sys::{name}: {why}"))));
    }
    findings
}

/// Rule 3: SQL only under `server/src/store/`. Tests may look into the database.
pub(crate) fn sql_only_in_the_store(tree: &Tree) -> Vec<Finding> {
    let sources = tree.rust(&["server/src/", "wire/src/", "sdk/", "app/src/", "tools/"]);
    let outside = sources.filter(|source| !is_part(source, "server/src/", "store") && !is_test(source));
    outside.flat_map(|source| source.findings_of("sqlx", "SQL stands only under server/src/store")).collect()
}

fn apart(tree: &Tree, folder: &str, parts: &[&str], foreign: fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.rust(&[folder]).filter(|source| !is_test(source)) {
        let Some(own) = parts.iter().find(|part| is_part(source, folder, part)) else { continue };
        for (at, name) in
            paths_below(&source.code, "crate::").into_iter().filter(|(_, name)| name != own && foreign(name))
        {
            let what = format!("{own} uses crate::{name}, but parts are apart: let the caller pass the value in");
            findings.push(source.finding(at, what));
        }
        findings.extend(source.findings_of("super::super", "write crate:: paths, so that tidy sees them"));
    }
    findings
}

/// Whether a file holds only tests; these may bring parts together.
fn is_test(source: &Source) -> bool {
    source.path.ends_with("/tests.rs") || source.path.contains("/tests/")
}

/// Whether a file is `<folder><part>.rs` or lies below `<folder><part>/`.
fn is_part(source: &Source, folder: &str, part: &str) -> bool {
    let inside = source.path.strip_prefix(folder).and_then(|rest| rest.strip_prefix(part));
    inside.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
fn places(findings: Vec<Finding>) -> Vec<(String, usize)> {
    findings.into_iter().map(|finding| (finding.path, finding.line)).collect()
}

#[test]
fn platform_clock_and_async_in_the_core_are_caught() {
    let bad = "#[cfg(target_arch = \"wasm32\")]\nasync fn f() {}\nlet t = std::time::Instant::now();\n// async\nfn asynchronous() {}";
    let tree = Tree::of(&[("sdk/core/src/a.rs", bad), ("sdk/src/a.rs", bad)]);
    let path = "sdk/core/src/a.rs".to_owned();
    assert_eq!(places(core_is_sans_io(&tree)), [(path.clone(), 1), (path.clone(), 2), (path, 3)]);
}

#[test]
fn call_between_parts_of_the_core_is_caught() {
    let tree = Tree::of(&[
        ("sdk/core/src/inbox.rs", "use crate::contract::Input;\nuse crate::outbox::Outbox;"),
        (
            "sdk/core/src/group/leaf.rs",
            "use crate::group::Group;\nuse crate::{contract, view::Row};\nuse crate::{content, session::Session};",
        ),
        ("sdk/core/src/client.rs", "use crate::{inbox::Inbox, outbox::Outbox};"),
    ]);
    let expected = [("sdk/core/src/inbox.rs".to_owned(), 2), ("sdk/core/src/group/leaf.rs".to_owned(), 3)];
    assert_eq!(places(core_parts_are_apart(&tree)), expected);
}

#[test]
fn sibling_of_the_store_is_caught() {
    let tree = Tree::of(&[
        ("server/src/store/log.rs", "use crate::store::Row;\nuse crate::http::Refusal;\nuse super::super::http;"),
        ("server/src/store.rs", "mod log;\nuse crate::clock::Clock;"),
        ("server/src/delivery.rs", "use crate::store::Store;"),
        ("server/src/store/tests.rs", "use crate::delivery::Tail;"),
    ]);
    let log = "server/src/store/log.rs".to_owned();
    let expected = [(log.clone(), 2), (log, 3), ("server/src/store.rs".to_owned(), 2)];
    assert_eq!(places(lower_parts_of_the_server_are_apart(&tree)), expected);
}

#[test]
fn browser_api_outside_the_bridge_is_caught() {
    let text = "let s = w.local_storage();\nMissing::EventSource => prefetch(),\nuse gloo_net::http;\nuse web_sys::{Event, Storage};";
    let tree = Tree::of(&[("app/src/page/settings.rs", text), ("app/src/client.rs", text), ("sdk/src/disk.rs", text)]);
    let path = "app/src/page/settings.rs".to_owned();
    let mut found = places(app_has_one_bridge(&tree));
    found.sort();
    assert_eq!(found, [(path.clone(), 1), (path.clone(), 3), (path, 4)]);
}

#[test]
fn sql_outside_the_store_is_caught() {
    let text = "//! x\nsqlx::query(\"select 1\");";
    let tree =
        Tree::of(&[("server/src/http/a.rs", text), ("server/src/store/a.rs", text), ("server/src/store.rs", text)]);
    assert_eq!(places(sql_only_in_the_store(&tree)), [("server/src/http/a.rs".to_owned(), 2)]);
}
