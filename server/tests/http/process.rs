//! The program itself: its settings, its log, its end.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sotto-server");

fn run(args: &[&str]) -> Output {
    Command::new(PROGRAM).args(args).env_clear().output().expect("it runs")
}

/// The running program, its address, and the rest of its log. Killed when dropped, should a test fail.
struct Running {
    child: Child,
    origin: String,
    log: BufReader<std::process::ChildStderr>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(data_dir: &Path) -> Running {
    let mut child = Command::new(PROGRAM)
        .args(["--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir"])
        .arg(data_dir)
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    log.read_line(&mut line).expect("a line");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["message"], "listening");
    let origin = format!("http://{}", line["address"].as_str().expect("the address"));
    Running { child, origin, log }
}

/// Asks it to end as a service manager does.
fn terminate(running: &Running) {
    let sent = Command::new("kill").args(["-TERM", &running.child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn help_tells_every_setting_with_its_environment_variable_and_default() {
    let output = run(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    let settings = help.lines().filter(|line| line.trim_start().starts_with("--")).count();
    assert!(settings > 20, "{help}");
    assert_eq!(help.matches("[env: SOTTO_").count(), settings, "{help}");
    let optional = ["--config ", "--public-origin ", "--app-dir "];
    assert_eq!(help.matches("[default: ").count(), settings - optional.len(), "{help}");
}

#[test]
fn setting_out_of_range_is_told_and_nothing_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("data");
    let output = run(&["--data-dir", data_dir.to_str().expect("UTF-8"), "--heartbeat-ms", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(said, "sotto-server: read the settings: heartbeat_ms is 1, not 100 to 20000\n");
    assert!(!data_dir.exists());
}

#[test]
fn data_folder_is_made_for_this_user_and_served_by_one_program_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let data_dir = folder.path().join("a/b");
    let running = start(&data_dir);
    assert_eq!(std::fs::metadata(&data_dir).expect("there").permissions().mode() & 0o777, 0o700);
    let data_dir = data_dir.to_str().expect("UTF-8");
    let second = run(&["--listen", "127.0.0.1:0", "--log-filter", "off", "--data-dir", data_dir]);
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).expect("UTF-8");
    assert_eq!(said, "sotto-server: serve: the data folder is in use by another server\n");
    drop(running);
}

#[tokio::test]
async fn terminated_program_ends_by_itself_and_its_log_tells_of_refusals_but_not_of_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = start(folder.path());
    let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
    let ready = http.get(format!("{}/health/ready", running.origin)).send().await.expect("an answer");
    assert_eq!(ready.status().as_u16(), 200);
    let body =
        r#"{"type":"find_user","payload":{"name":"somebody"},"requestId":"r7","timestamp":"2026-11-20T09:43:45Z"}"#;
    let refused = http
        .post(format!("{}/api/users/find?secret=query", running.origin))
        .header("content-type", "application/json")
        .bearer_auth("made-up-token")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status().as_u16(), 401);

    terminate(&running);
    let ended = tokio::task::spawn_blocking(move || {
        let status = running.child.wait().expect("a status");
        let mut log = String::new();
        running.log.read_to_string(&mut log).expect("the log");
        (status, log)
    });
    let (status, log) = tokio::time::timeout(Duration::from_secs(10), ended).await.expect("soon").expect("no panic");
    assert!(status.success(), "{log}");
    let refusal = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .find(|line| line["message"] == "refused a command")
        .expect("the refusal is logged");
    assert_eq!(
        (refusal["path"].as_str(), refusal["code"].as_str(), refusal["request_id"].as_str()),
        (Some("/api/users/find"), Some("unauthorized"), Some("r7"))
    );
    assert!(refusal["latency_ms"].is_u64());
    for secret in ["somebody", "made-up-token", "query"] {
        assert!(!log.contains(secret), "{log}");
    }
}
