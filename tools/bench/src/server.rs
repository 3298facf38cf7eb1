//! A server under measure: a process on a core of its own, what it has eaten of CPU and memory.

use crate::failure::{Failure, io};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Where a server may run.
#[derive(Clone, Copy)]
pub(crate) enum Cores {
    /// Anywhere: generator and server share the machine.
    All,
    /// On the first core, while this program keeps to the second.
    Own,
}

/// Longest wait for a server to answer.
const START_MAX: Duration = Duration::from_secs(20);

/// A running process with its folder; ended when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts the Sotto server with limits out of the way and everything else as it ships.
    pub(crate) async fn start(binary: &Path, cores: Cores) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(io("make a folder"))?;
        let port = free_port().await?;
        let mut command = pinned(cores, binary)?;
        command
            .arg("--data-dir")
            .arg(folder.path())
            .args(["--listen", &format!("127.0.0.1:{port}"), "--log-filter", "warn"])
            .args(["--access-life-ms", "3600000"])
            .args(["--sign-ups-per-minute-and-address", "1000000"])
            .args(["--streams-per-device", "65535", "--streams-per-user", "65535", "--streams-per-address", "65535"])
            .args(["--connections-per-address", "65535"]);
        Self::run(command, port, folder).await
    }

    /// Starts `command`, which listens on `port` and keeps what it writes in `folder`.
    pub(crate) async fn run(mut command: Command, port: u16, folder: TempDir) -> Result<Self, Failure> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().map_err(io("start a server"))?;
        let server = Self { child, port, _folder: folder };
        let answers = async {
            while tokio::net::TcpStream::connect(server.address()).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(START_MAX, answers).await.map_err(|_| Failure::Wrong("no server answers".to_owned()))?;
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Resident memory in bytes, children included.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.processes().iter().map(|id| status_bytes(*id, "VmRSS:")).sum()
    }

    /// CPU seconds of user and system time so far, children included.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.processes().iter().map(|id| cpu_seconds(*id)).sum()
    }

    fn processes(&self) -> Vec<u32> {
        let Some(id) = self.child.id() else { return Vec::new() };
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(id).chain(children).collect()
    }
}

impl Drop for Server {
    /// Ends its children too: a worker of nginx outlives a master that was killed.
    fn drop(&mut self) {
        for id in self.processes() {
            let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
            // One that cannot be ended has ended.
            let _ended = id.map(|id| rustix::process::kill_process(id, rustix::process::Signal::KILL));
        }
    }
}

/// A port that was free a moment ago.
pub(crate) async fn free_port() -> Result<u16, Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(io("find a port"))?;
    Ok(listener.local_addr().map_err(io("find a port"))?.port())
}

/// A command that keeps to its core; pins this program to the other one.
pub(crate) fn pinned(cores: Cores, binary: &Path) -> Result<Command, Failure> {
    let several = std::thread::available_parallelism().is_ok_and(|n| n.get() > 1);
    match cores {
        Cores::Own if several => {
            let mut own = rustix::thread::CpuSet::new();
            own.set(1);
            rustix::thread::sched_setaffinity(None, &own).map_err(|e| io("keep to a core")(e.into()))?;
            let mut command = Command::new("taskset");
            command.args(["-c", "0"]).arg(binary);
            Ok(command)
        }
        Cores::Own | Cores::All => Ok(Command::new(binary)),
    }
}

fn status_bytes(id: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() * 1_024
}

fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // proc(5): after the command's closing bracket, utime and stime are fields 12 and 13; in ticks of 10 ms.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|n| n.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
