//! The peer of `fanout`: nginx with the nchan module (Debian: `libnginx-mod-nchan`), one worker, messages in memory.

use crate::failure::{Failure, io};
use crate::fanout::{Publish, Run, at_five_a_second};
use crate::http::Connection;
use crate::server::{Cores, Server, free_port, pinned};
use crate::stream::{Stream, message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::time::Instant;

const NGINX: &str = "/usr/sbin/nginx";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

struct Publisher(Connection);

impl Publish for Publisher {
    async fn publish(&mut self, start: Instant) -> Result<(), Failure> {
        // The same bytes as in a frame of ours, about.
        let body = STANDARD.encode(message(start).as_slice());
        self.0.post("/pub", "Content-Type: text/plain\r\n", body.as_bytes()).await.map(drop)
    }
}

/// Measures the peer; `None` when it is not installed.
pub(crate) async fn measure(subscribers: usize) -> Result<Option<Run>, Failure> {
    if !(Path::new(NGINX).exists() && Path::new(MODULE).exists()) {
        eprintln!("sotto-bench: nginx with nchan is not installed, no peer (apt-get install libnginx-mod-nchan)");
        return Ok(None);
    }
    let folder = tempfile::tempdir().map_err(io("make a folder"))?;
    let port = free_port().await?;
    let path = folder.path().display();
    let settings = format!(
        "load_module {MODULE};
daemon off; worker_processes 1; pid {path}/pid; error_log /dev/null; worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {path}/a; proxy_temp_path {path}/b; fastcgi_temp_path {path}/c; uwsgi_temp_path {path}/d; scgi_temp_path {path}/e;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /pub {{ nchan_publisher; nchan_channel_id room; nchan_message_buffer_length 1000; }}
    location = /sub {{ nchan_subscriber eventsource; nchan_channel_id room; nchan_subscriber_first_message newest; }}
  }}
}}"
    );
    let file = folder.path().join("nginx.conf");
    std::fs::write(&file, settings).map_err(io("write nginx's settings"))?;
    let mut command = pinned(Cores::Own, Path::new(NGINX))?;
    command.arg("-c").arg(&file).arg("-p").arg(folder.path());
    let server = Server::run(command, port, folder).await?;
    let mut streams = Vec::with_capacity(subscribers);
    for _ in 0..subscribers {
        streams.push(Stream::of(Connection::open(server.address()).await?.stream("/sub").await?));
    }
    let mut publisher = Publisher(Connection::open(server.address()).await?);
    let (run, _) = at_five_a_second(&server, streams, &mut publisher).await?;
    Ok(Some(run))
}
