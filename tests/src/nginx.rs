//! nginx between clients and the server, as operators put it there. Owns the process and its settings file; which
//! directives are tried is the test's.

use crate::PATIENCE;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// A running nginx. Ends with its owner.
pub struct Nginx {
    address: SocketAddr,
    _process: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts nginx on a free port before `server`, with these directives beside `proxy_pass`.
    ///
    /// # Panics
    /// When nginx is not installed: `cargo xtask test` sees to that.
    pub async fn before(server: SocketAddr, directives: &str) -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder is writable");
        let address = free_address().await;
        let here = folder.path().display();
        // One process, so that its end is the end of all; as the user who started it, whose folder this is.
        let settings = format!(
            "daemon off; master_process off; user root; pid {here}/pid; error_log {here}/log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {here}/a; proxy_temp_path {here}/b; fastcgi_temp_path {here}/c; uwsgi_temp_path {here}/d;
  scgi_temp_path {here}/e;
  server {{
    listen {address};
    location / {{ proxy_pass http://{server}; proxy_http_version 1.1; proxy_set_header Host $http_host; {directives} }}
  }}
}}"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, settings).expect("the folder is writable");
        let mut command = Command::new("nginx");
        // Not on the PATH of everybody who may run it.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin")).arg("-p").arg(folder.path()).arg("-c").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().expect("nginx is installed (apt-get install nginx)");
        let answers = async {
            while TcpStream::connect(address).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, answers).await.expect("nginx listens");
        Self { address, _process: process, _folder: folder }
    }

    /// Where clients reach the server through it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An address that was free a moment ago: nginx cannot tell which port it was given.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    listener.local_addr().expect("a bound listener has an address")
}
