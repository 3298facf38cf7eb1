//! A proxy that is not ours between clients and the server, as operators put it there: nginx or Caddy. Owns the process and
//! its settings file; which directives are tried is the test's.

use crate::PATIENCE;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// A running proxy on a free port. Ends with its owner.
pub struct Front {
    address: SocketAddr,
    _process: Child,
    _folder: TempDir,
}

impl Front {
    /// nginx with `location`, a whole block.
    ///
    /// # Panics
    /// When nginx is not installed: `cargo xtask test` sees to that.
    pub async fn nginx(location: &str) -> Self {
        let settings = |address: SocketAddr, folder: &Path| {
            let here = folder.display();
            // One process, so that its end is the end of all; as the user who started it, whose folder this is.
            format!(
                "daemon off; master_process off; user root; pid {here}/pid; error_log {here}/log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d;
  scgi_temp_path {here}/e;
  server {{ listen {address}; {location} }}
}}"
            )
        };
        let command = |file: &Path, folder: &Path| {
            let mut command = Command::new("nginx");
            // Not on the PATH of everybody who may run it.
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{path}:/usr/sbin")).arg("-p").arg(folder).arg("-c").arg(file);
            command
        };
        Self::start(settings, command).await
    }

    /// Caddy with a site of these directives.
    ///
    /// # Panics
    /// When Caddy is not installed: `cargo xtask test` sees to that.
    pub async fn caddy(directives: &str) -> Self {
        let settings = |address: SocketAddr, _: &Path| {
            // Without TLS, for which there is no name, and without a port for its administrator.
            format!("{{\n admin off\n auto_https off\n}}\nhttp://{address} {{\n{directives}\n}}\n")
        };
        let command = |file: &Path, folder: &Path| {
            let mut command = Command::new("caddy");
            command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
            command.env("HOME", folder).env_remove("XDG_CONFIG_HOME").env_remove("XDG_DATA_HOME");
            command
        };
        Self::start(settings, command).await
    }

    async fn start(
        settings: impl FnOnce(SocketAddr, &Path) -> String,
        command: impl FnOnce(&Path, &Path) -> Command,
    ) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let address = free_address().await;
        let file = folder.path().join("settings");
        std::fs::write(&file, settings(address, folder.path())).expect("the folder is writable");
        let mut command = command(&file, folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().expect("nginx and Caddy are installed (apt-get install nginx caddy)");
        let answers = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, answers).await.expect("it listens");
        Self { address, _process: process, _folder: folder }
    }

    /// Where clients reach the server through it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An address that was free a moment ago: a proxy cannot tell which port it was given.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address")
}
