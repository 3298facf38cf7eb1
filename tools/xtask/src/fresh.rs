//! Tells whether something built is older than what it is built from. Owns the comparison, not the lists.
use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Folder names that are never an input: outputs and installed packages.
const OUTPUTS: [&str; 4] = ["target", "node_modules", "dist", "pkg"];

/// When `path`, or the newest file below it, was last changed.
pub(crate) fn newest(path: &Path) -> Option<SystemTime> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_dir() {
        return meta.modified().ok();
    }
    // The folder's own time counts too: it changes when a file is removed.
    let below = fs::read_dir(path).ok()?.flatten().filter(|entry| !is_output(&entry.file_name().to_string_lossy()));
    below.filter_map(|entry| newest(&entry.path())).chain(meta.modified().ok()).max()
}

/// Whether `output` exists and nothing of `inputs` is newer.
pub(crate) fn is_fresh(output: &Path, inputs: &[&Path]) -> bool {
    let Some(built) = fs::metadata(output).and_then(|meta| meta.modified()).ok() else { return false };
    inputs.iter().filter_map(|input| newest(input)).all(|changed| changed <= built)
}

fn is_output(name: &str) -> bool {
    OUTPUTS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn output_is_stale_once_a_file_below_an_input_is_newer() {
        let folder = std::env::temp_dir().join(format!("xtask-fresh-{}", std::process::id()));
        let (input, output) = (folder.join("input"), folder.join("output"));
        fs::create_dir_all(input.join("deep")).expect("temporary folder is writable");
        fs::write(input.join("deep/file"), "1").expect("temporary folder is writable");
        assert!(!is_fresh(&output, &[&input]), "an output that does not exist is not fresh");
        fs::write(&output, "").expect("temporary folder is writable");
        assert!(is_fresh(&output, &[&input]));

        let built = fs::metadata(&output).and_then(|meta| meta.modified()).expect("was just written");
        let file = fs::File::options().write(true).open(input.join("deep/file")).expect("was just written");
        file.set_modified(built + Duration::from_secs(2)).expect("the owner may set the time");
        assert!(!is_fresh(&output, &[&input]));
        fs::remove_dir_all(&folder).expect("was just written");
    }
}
