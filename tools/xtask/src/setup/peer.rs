//! nginx with nchan, beside which `fanout` is measured. Owns its installation; without it the figures have no peer.
use std::path::Path;

use super::{is_root, on_path};
use crate::failure::Failure;
use crate::process::{program, run};
use crate::step::{satisfied, step};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// Installs nginx and nchan as root from apt where that can be done. Not having them is no failure.
pub(crate) fn nchan() -> Result<(), Failure> {
    if Path::new(MODULE).is_file() {
        satisfied("nginx with nchan", "present");
        return Ok(());
    }
    if !is_root() || on_path(&["apt-get"]).is_none() {
        satisfied("nginx with nchan", "not there and not installed (needs root and apt): the figures have no peer");
        return Ok(());
    }
    step("install nginx with nchan from apt", || {
        run(program("apt-get").args(["-q", "update"]))?;
        // The benchmark starts its own; at this runlevel the package starts none.
        run(program("apt-get").env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").args([
            "-q",
            "install",
            "-y",
            "--no-install-recommends",
            "libnginx-mod-nchan",
        ]))
    })
}
