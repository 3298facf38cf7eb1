//! curl, and nginx and Caddy, which the tests put before our server. Owns their installation.
use super::{is_root, on_path};
use crate::failure::Failure;
use crate::process::{program, run};
use crate::step::{satisfied, step};

/// nginx is not on everybody's PATH.
const NGINX: &str = "/usr/sbin/nginx";

/// Installs as root from apt what is missing.
pub(crate) fn foreign() -> Result<(), Failure> {
    let has_nginx = std::path::Path::new(NGINX).is_file() || on_path(&["nginx"]).is_some();
    let has = |program| on_path(&[program]).is_some();
    let packages = [("curl", has("curl")), ("nginx-light", has_nginx), ("caddy", has("caddy"))];
    let missing: Vec<&str> =
        packages.into_iter().filter_map(|(package, is_there)| (!is_there).then_some(package)).collect();
    if missing.is_empty() {
        satisfied("curl, nginx and Caddy", "present");
        return Ok(());
    }
    if !is_root() || on_path(&["apt-get"]).is_none() {
        return Err(Failure::Missing {
            what: "curl, nginx or Caddy",
            remedy: format!("install {}", missing.join(", ")),
        });
    }
    step(&format!("install {} from apt", missing.join(", ")), || {
        run(program("apt-get").args(["-q", "update"]))?;
        // The tests start their own; at this runlevel the packages start none.
        let install = ["-q", "install", "-y", "--no-install-recommends"];
        run(program("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .args(install)
            .args(missing))
    })
}
