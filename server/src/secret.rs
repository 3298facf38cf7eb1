//! The key file: what the server knows and its database does not. A copy of the database alone has nothing that a
//! dictionary can be run on, and no token can be made from it.
//!
//! The rule: made once, readable by the server's user only, never replaced.

use crate::login::LoginSuite;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opaque_ke::ServerSetup;
use opaque_ke::rand::rngs::OsRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the key file inside the data folder.
const FILE: &str = "server.key";

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It cannot be read or written.
    #[error("open the key file {path}")]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not one.
    #[error("read the key file: it is damaged")]
    Damaged,
    /// It was not made together with the database beside it: every password would be refused.
    #[error("the key file is not the one of this database")]
    Foreign,
}

/// The server's secrets.
pub(crate) struct Secrets {
    /// OPAQUE server setup (RFC 9807 §4): OPRF seed and key pair.
    pub(crate) login: ServerSetup<LoginSuite>,
    /// Key of all tokens.
    pub(crate) token_key: Zeroizing<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    opaque_server_setup: String,
    token_key: String,
}

impl Secrets {
    /// The secrets of the data folder; made when there are none.
    ///
    /// # Errors
    /// [`SecretError`].
    pub(crate) fn open(data_dir: &Path) -> Result<Self, SecretError> {
        let path = data_dir.join(FILE);
        let file_error = |source| SecretError::File { path: path.clone(), source };
        match std::fs::read(&path) {
            Ok(bytes) => Self::read(&Zeroizing::new(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let secrets = Self::make();
                write_new(&path, &secrets.to_json()).map_err(file_error)?;
                Ok(secrets)
            }
            Err(error) => Err(file_error(error)),
        }
    }

    /// A name for these secrets that tells nothing of them: the store keeps it, so that a wrong key file is noticed.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"sotto key file v1");
        digest.update(self.token_key.as_slice());
        digest.update(self.login.serialize());
        digest.finalize().into()
    }

    fn make() -> Self {
        let mut token_key = Zeroizing::new([0; 32]);
        getrandom::fill(token_key.as_mut_slice()).expect("the system has randomness");
        Self { login: ServerSetup::new(&mut OsRng), token_key }
    }

    fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let written = Written {
            opaque_server_setup: STANDARD.encode(self.login.serialize()),
            token_key: STANDARD.encode(self.token_key.as_slice()),
        };
        Zeroizing::new(serde_json::to_vec_pretty(&written).expect("two strings are JSON"))
    }

    fn read(json: &[u8]) -> Result<Self, SecretError> {
        let written: Written = serde_json::from_slice(json).map_err(|_| SecretError::Damaged)?;
        let setup = Zeroizing::new(STANDARD.decode(written.opaque_server_setup).map_err(|_| SecretError::Damaged)?);
        let key = Zeroizing::new(STANDARD.decode(written.token_key).map_err(|_| SecretError::Damaged)?);
        Ok(Self {
            login: ServerSetup::deserialize(&setup).map_err(|_| SecretError::Damaged)?,
            token_key: Zeroizing::new(key.as_slice().try_into().map_err(|_| SecretError::Damaged)?),
        })
    }
}

/// Writes a file that nobody else can read and that a power cut does not halve: whole under another name, then linked.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A link, not a rename: it fails when another process was first.
    std::fs::hard_link(&unfinished, path)?;
    std::fs::remove_file(&unfinished)?;
    std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reopening_gives_the_same_secrets() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Secrets::open(folder.path()).expect("made").fingerprint();
        assert_eq!(Secrets::open(folder.path()).expect("read").fingerprint(), first);
    }

    #[test]
    fn damaged_file_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(FILE), b"{}").expect("written");
        assert!(matches!(Secrets::open(folder.path()), Err(SecretError::Damaged)));
        assert_eq!(std::fs::read(folder.path().join(FILE)).expect("there"), b"{}");
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        Secrets::open(folder.path()).expect("made");
        let mode = std::fs::metadata(folder.path().join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
