//! The sources that tidy judges: those of the project, or fabricated ones in the tests of a rule. Owns which folders are
//! read and what a finding is.
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::lexer;

/// A file of the project.
pub(crate) struct Source {
    /// From the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments and the contents of literals blanked, for Rust files; otherwise the text. Lines are kept.
    pub(crate) code: String,
}

/// The files of the project.
pub(crate) struct Tree {
    pub(crate) sources: Vec<Source>,
}

/// A place that breaks a rule, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

const KINDS: [&str; 7] = ["rs", "ts", "mjs", "js", "css", "md", "toml"];
const NOT_OURS: [&str; 5] = ["target", "node_modules", "dist", "artefacts", "pkg"];

impl Tree {
    /// The working tree.
    pub(crate) fn of_the_project() -> Self {
        let mut paths = Vec::new();
        let root = root();
        collect(&root, &mut paths);
        paths.sort();
        let read = |path: PathBuf| {
            let name =
                path.strip_prefix(&root).expect("it was found below the root").to_string_lossy().replace('\\', "/");
            // A file that another process has just removed is not in the tree any more.
            fs::read_to_string(&path).ok().map(|text| Source::new(name, text))
        };
        let sources: Vec<Source> = paths.into_iter().filter_map(read).collect();
        assert!(sources.len() > 20, "tidy found only {} files below {}", sources.len(), root.display());
        Self { sources }
    }

    /// A fabricated tree of paths and texts.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self { sources: files.iter().map(|(path, text)| Source::new((*path).to_owned(), (*text).to_owned())).collect() }
    }

    /// Rust files below any of the folders (or files) given.
    pub(crate) fn rust<'a>(&'a self, below: &'a [&str]) -> impl Iterator<Item = &'a Source> {
        let inside = |path: &str| below.iter().any(|folder| path.starts_with(folder));
        self.sources.iter().filter(move |source| source.path.ends_with(".rs") && inside(&source.path))
    }

    pub(crate) fn file(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let code = if path.ends_with(".rs") { lexer::blank(&text) } else { text.clone() };
        Self { path, text, code }
    }

    /// A finding at a byte of the text.
    pub(crate) fn finding(&self, at: usize, what: impl Into<String>) -> Finding {
        let line = self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        Finding { path: self.path.clone(), line, what: what.into() }
    }

    /// A finding for each place of the code where the piece stands as whole words.
    pub(crate) fn findings_of(&self, piece: &str, what: &str) -> Vec<Finding> {
        lexer::places(&self.code, piece).map(|at| self.finding(at, format!("{piece}: {what}"))).collect()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// The project's root folder.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_path_buf()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            if !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
                collect(&path, into);
            }
        } else if KINDS.iter().any(|kind| name.rsplit_once('.').is_some_and(|(_, ending)| ending == *kind)) {
            into.push(path);
        }
    }
}
