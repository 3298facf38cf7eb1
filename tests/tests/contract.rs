//! The server against its own description (P8): Schemathesis makes requests out of `/api/openapi.json`, and no answer is a
//! 5xx or one that does not stand there. Owns the server, the account and the verdict; `tools/schemathesis` owns what is
//! asked. Needs the program that `SCHEMATHESIS` names: run by xtask.

use serde::Deserialize;
use sotto_tests::{Caller, Device, Server};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// The server's program, built by cargo with these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_sotto-server-under-test");
/// Where the document is.
const DOCUMENT: &str = "/api/openapi.json";
/// What is asked, and which answers are allowed.
const SETTINGS: &str = include_str!("../../tools/schemathesis/schemathesis.toml");
/// Added to them for who is signed in. The token itself is told by the environment.
const SIGNED_IN: &str = "\n[auth.openapi.access_token]\nbearer = \"${SOTTO_ACCESS_TOKEN}\"\n";
/// Fewer cases than these are not what the settings ask for.
const CASES_MIN: u64 = 2_500;
/// Far over what a loaded machine needs: alone on two cores both runs take 45 s.
const LASTS_MAX: Duration = Duration::from_secs(900);
/// What a token does not open: streams by their ticket, a session by its cookie.
const OPENED_OTHERWISE: [&str; 3] = ["GET /api/events", "GET /ws", "POST /api/sessions/refresh"];

/// What Schemathesis says of a run, as far as it is looked at.
#[derive(Deserialize)]
struct Report {
    complete: bool,
    running_time: f64,
    operations: Operations,
    test_cases: Cases,
    warnings: Warnings,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Operations {
    total: usize,
    tested: usize,
    errored: usize,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Cases {
    generated: u64,
    with_failures: u64,
    errored: u64,
}

#[derive(Deserialize)]
struct Warnings {
    /// Operations that were answered by nothing but 401 and 403.
    missing_auth: Vec<String>,
}

/// Asks the server everything, as a stranger or with this token, and judges what Schemathesis says.
async fn asked(server: &Server, token: Option<&str>) -> Report {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let (settings, report) = (folder.path().join("schemathesis.toml"), folder.path().join("report.json"));
    let text = if token.is_some() { format!("{SETTINGS}{SIGNED_IN}") } else { SETTINGS.to_owned() };
    std::fs::write(&settings, text).expect("the folder is writable");
    let program = std::env::var_os("SCHEMATHESIS").expect("cargo xtask test names the program");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).arg("--no-color").arg("--config-file").arg(&settings).arg("run");
    command.args(["--report", "json", "--report-json-path"]).arg(&report).arg(format!("{}{DOCUMENT}", server.origin()));
    command.env("SOTTO_ACCESS_TOKEN", token.unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = timeout(LASTS_MAX, command.output()).await.expect("it ends").expect("Schemathesis is installed");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{said}\n{}", String::from_utf8_lossy(&ended.stderr));
    let report = read(&report);
    assert!(report.complete, "{said}");
    report
}

fn read(report: &Path) -> Report {
    let text = std::fs::read(report).expect("Schemathesis has written its report");
    serde_json::from_slice(&text).expect("a report as this version writes it")
}

/// How many operations the document describes. It stands in itself, and is asked for to begin with.
async fn described(server: &Server) -> usize {
    #[derive(Deserialize)]
    struct Document {
        paths: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    }
    let document = Caller::to(&server.origin()).load(DOCUMENT).await;
    let document: Document = serde_json::from_slice(&document.body).expect("an OpenAPI document");
    let others = document.paths.iter().filter(|(path, _)| *path != DOCUMENT);
    others.map(|(_, methods)| methods.len()).sum()
}

fn judge(who: &str, report: &Report, described: usize) {
    let Report { operations, test_cases: cases, running_time, .. } = report;
    println!(
        "schemathesis, {who}: {} cases of {} operations in {running_time:.0} s",
        cases.generated, operations.tested
    );
    assert_eq!(*operations, Operations { total: described, tested: described, errored: 0 }, "{who}");
    assert_eq!((cases.with_failures, cases.errored), (0, 0), "{who}");
    assert!(cases.generated >= CASES_MIN, "{who}: only {} cases", cases.generated);
}

#[tokio::test]
async fn nothing_that_a_stranger_asks_gets_a_5xx_or_an_answer_that_is_not_described() {
    let server = Server::start(SERVER).await;
    let report = asked(&server, None).await;
    judge("a stranger", &report, described(&server).await);
    let refused = &report.warnings.missing_auth;
    assert!(refused.contains(&"POST /api/messages/send".to_owned()), "a stranger was let in: {refused:?}");
}

#[tokio::test]
async fn nothing_that_a_device_asks_gets_a_5xx_or_an_answer_that_is_not_described() {
    // A token that outlives the run.
    let server = Server::start_with(SERVER, &[("ACCESS_LIFE_MS", "3600000")]).await;
    let mut device = Device::signed_up("ada", &server.origin()).await;
    device.kill().await;
    let mut ada = Caller::to(&server.origin());
    ada.cookies = device.cookies.clone();
    ada.refresh().await.expect("the device is signed in");
    let report = asked(&server, ada.token.as_deref()).await;
    judge("a device", &report, described(&server).await);
    let refused: Vec<&String> = report.warnings.missing_auth.iter().collect();
    let shut: Vec<_> = refused.iter().filter(|name| !OPENED_OTHERWISE.contains(&name.as_str())).collect();
    assert!(shut.is_empty(), "the token opens nothing of {shut:?}");
}
