//! Tells cargo what the binary holds besides Rust: the app and the migrations.

use std::path::Path;

fn main() {
    // Cargo compiles anew at every call where a watched folder is missing, so an empty one stands in for the app.
    let dist = Path::new("../dist");
    if !dist.exists() {
        std::fs::create_dir_all(dist).expect("the workspace is writable");
    }
    println!("cargo::rerun-if-changed=../dist");
    println!("cargo::rerun-if-changed=migrations");
}
