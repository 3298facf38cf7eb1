//! Keeps the relocations in the linked module, from which `tools/wasm-bindgen` learns what belongs to which part. Owns no
//! other setting of the build.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=--emit-relocs");
}
