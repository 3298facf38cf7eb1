//! The server under test: a process of its own that can be asked to stop, killed and started again on the same data and
//! the same port. Owns the process, its folder and its log; `server/rows.rs` looks into its database.

mod rows;

pub use rows::{LogRow, LogRowKind};

use crate::{Canary, PATIENCE, canary};
use rustix::process::{Pid, Signal, kill_process};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest time from SIGTERM to the end (T15), with a second for a machine that has other things to do.
const STOP_MAX: Duration = Duration::from_secs(11);

/// How a server ended that was asked to.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What the process said of itself.
    pub status: ExitStatus,
    /// How long it took.
    pub took: Duration,
}

/// A server, running or not. Its process and its data end with it.
pub struct Server {
    binary: PathBuf,
    settings: Vec<(String, String)>,
    folder: TempDir,
    address: SocketAddr,
    process: Option<Process>,
    log: Arc<Mutex<String>>,
}

struct Process {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts `binary` on an empty folder and a free port, with rates that no test comes near.
    pub async fn start(binary: &str) -> Self {
        Self::start_with(binary, &[]).await
    }

    /// The same with settings of its own, as environment variables without `SOTTO_`.
    pub async fn start_with(binary: &str, settings: &[(&str, &str)]) -> Self {
        const RATES: [&str; 10] = [
            "SIGN_UPS_PER_MINUTE_AND_ADDRESS",
            "SIGN_INS_PER_MINUTE_AND_ADDRESS",
            "GUESSES_PER_MINUTE_AND_NAME",
            "GUESSES_PER_MINUTE_NAME_AND_ADDRESS",
            "FINDS_PER_MINUTE_AND_USER",
            "CLAIMS_PER_MINUTE_AND_USER",
            "GROUPS_PER_MINUTE_AND_USER",
            "SEARCHES_PER_MINUTE_AND_USER",
            "INVITES_PER_MINUTE_AND_USER",
            "INVITES_PER_MINUTE_AND_ADDRESS",
        ];
        let rates = RATES.iter().map(|rate| (*rate, "1000000"));
        let settings = rates.chain(settings.iter().copied());
        let settings = settings.map(|(name, value)| (format!("SOTTO_{name}"), value.to_owned())).collect();
        let mut server = Self {
            binary: binary.into(),
            settings,
            folder: tempfile::tempdir().expect("the temporary folder is writable"),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            process: None,
            log: Arc::default(),
        };
        server.start_again().await;
        server
    }

    /// Starts it on the data and the port that it had.
    pub async fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server is running already");
        let mut command = Command::new(&self.binary);
        command.env("SOTTO_DATA_DIR", self.folder.path()).env("SOTTO_LISTEN", self.address.to_string());
        command.env("SOTTO_LOG_FORMAT", "json").env("SOTTO_LOG_FILTER", "debug,sqlx=info,hyper=info");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("cargo has built the server");
        let (told, mut address) = watch::channel(None);
        let told = Arc::new(told);
        let readers = vec![
            tokio::spawn(read(child.stdout.take(), Arc::clone(&self.log), Arc::clone(&told))),
            tokio::spawn(read(child.stderr.take(), Arc::clone(&self.log), told)),
        ];
        let listening = timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        self.address = match listening {
            Ok(Ok(address)) => address.expect("it was waited for"),
            Ok(Err(_)) | Err(_) => panic!("the server does not listen; its log:\n{}", self.log()),
        };
        self.process = Some(Process { child, readers });
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a client reaches it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it as a power cut would: kill -9.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("the server is running");
        process.child.start_kill().expect("the process is ours");
        process.child.wait().await.expect("the process is ours");
        process.drained().await;
    }

    /// Asks it to stop (SIGTERM) without waiting.
    pub fn ask_to_stop(&self) {
        let process = self.process.as_ref().expect("the server is running");
        let id = process.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(id.expect("the process has not ended"), Signal::TERM).expect("the process is ours");
    }

    /// Asks it to stop (SIGTERM) and waits for its end, which must come within ten seconds.
    pub async fn stop(&mut self) -> Ended {
        self.ask_to_stop();
        self.ended().await
    }

    /// Waits for the end that was asked for.
    pub async fn ended(&mut self) -> Ended {
        let mut process = self.process.take().expect("the server is running");
        let began = crate::now();
        let status = timeout(STOP_MAX, process.child.wait()).await;
        let took = Duration::from_millis(crate::now().since(began).0);
        let Ok(status) = status else {
            panic!("the server has not stopped within {STOP_MAX:?}; its log:\n{}", self.log());
        };
        process.drained().await;
        Ended { status: status.expect("the process is ours"), took }
    }

    /// Everything that it has written to its log so far, over all its lives.
    pub fn log(&self) -> String {
        lock(&self.log).clone()
    }

    /// Its folder: database, key file.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Scans every file of its folder, and its log; each hit with the place where it was found.
    pub fn scan(&self, canaries: &[Canary]) -> Vec<(String, canary::Hit)> {
        let mut hits = Vec::new();
        for file in files(self.folder.path()) {
            // A file that the server removes while it is looked at, such as a journal, holds nothing any more.
            let Ok(bytes) = std::fs::read(&file) else { continue };
            hits.extend(canary::scan(canaries, &bytes).into_iter().map(|hit| (file.display().to_string(), hit)));
        }
        hits.extend(canary::scan(canaries, self.log().as_bytes()).into_iter().map(|hit| ("log".to_owned(), hit)));
        hits
    }
}

impl Process {
    /// Waits until everything that it wrote stands in the log.
    async fn drained(self) {
        for reader in self.readers {
            reader.await.expect("the reader of a log does not panic");
        }
    }
}

/// The files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn lock(log: &Mutex<String>) -> MutexGuard<'_, String> {
    log.lock().expect("no holder of the log panics")
}

async fn read(
    from: Option<impl AsyncRead + Unpin>,
    log: Arc<Mutex<String>>,
    told: Arc<watch::Sender<Option<SocketAddr>>>,
) {
    let mut lines = BufReader::new(from.expect("the process was started with pipes")).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if told.borrow().is_none()
            && let Some(address) = address_in(&line)
        {
            told.send_replace(Some(address));
        }
        let mut log = lock(&log);
        log.push_str(&line);
        log.push('\n');
    }
}

/// The address that the line names, as `127.0.0.1:1234` or in an URL.
fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, from) = line.split_once("127.0.0.1:")?;
    let digits = from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len());
    from[..digits].parse().ok().filter(|port| *port != 0).map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)))
}
