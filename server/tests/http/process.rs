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
    start_by(Command::new(PROGRAM), data_dir).0
}

/// Starts it by `command`; gives what it logged before it listened, too.
fn start_by(mut command: Command, data_dir: &Path) -> (Running, Vec<serde_json::Value>) {
    let mut child = command
        .args(["--listen", "127.0.0.1:0", "--log-format", "json", "--data-dir"])
        .arg(data_dir)
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let log = BufReader::new(child.stderr.take().expect("piped"));
    let mut running = Running { child, origin: String::new(), log };
    let mut before = Vec::new();
    loop {
        let mut line = String::new();
        assert_ne!(running.log.read_line(&mut line).expect("a line"), 0, "it ended after {before:?}");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if line["message"] == "listening" {
            running.origin = format!("http://{}", line["address"].as_str().expect("the address"));
            return (running, before);
        }
        before.push(line);
    }
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

#[test]
fn database_in_a_folder_that_others_may_read_is_for_this_user_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let rights = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let set = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
    set(folder.path(), 0o755);
    drop(start(folder.path()));
    let files = ["sotto.db", "sotto.db-wal", "sotto.db-shm"].map(|name| folder.path().join(name));
    for file in &files {
        assert_eq!(rights(file), 0o600, "made: {file:?}");
        set(file, 0o644);
    }
    drop(start(folder.path()));
    for file in &files {
        assert_eq!(rights(file), 0o600, "found: {file:?}");
    }
}

/// Started with these limits of open files (soft and hard): the soft one that it then has, and what it warned of.
#[cfg(target_os = "linux")]
fn open_files(soft: u32, hard: u32) -> (String, Vec<serde_json::Value>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\""), PROGRAM]);
    let (running, said) = start_by(shell, folder.path());
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.child.id())).expect("its limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("the limit of open files");
    (line.split_whitespace().nth(3).expect("the soft limit").to_owned(), said)
}

#[cfg(target_os = "linux")]
#[test]
fn limit_of_open_files_is_raised_to_what_is_allowed_and_too_low_a_one_is_told() {
    let (limit, said) = open_files(256, 1_024);
    assert_eq!(limit, "1024");
    let [warning] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((warning["level"].as_str(), warning["open_files_max"].as_u64()), (Some("WARN"), Some(1_024)));
    assert!(warning["needed"].as_u64().is_some_and(|needed| needed > 32_768), "{warning}");
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
