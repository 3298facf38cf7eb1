//! The store: the one database file, its connections, and the errors of reaching it. SQL stands in the files below and
//! nowhere else; this file alone knows which engine it is.
//!
//! The rule: one writer at a time, and what [`Write`] has committed is on disk (`synchronous=FULL`).

pub(crate) mod account;
pub(crate) mod append;
pub(crate) mod block;
pub(crate) mod conversation;
pub(crate) mod group;
pub(crate) mod invite;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod member;
pub(crate) mod party;
pub(crate) mod policy;
pub(crate) mod presence;
pub(crate) mod rows;
pub(crate) mod secret;
pub(crate) mod session;
#[cfg(test)]
mod tests;

use crate::store::rows::Bytes32;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Executor as _, Transaction};
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Connections that only read. Each is a thread in SQLite; two cores do not profit from more.
const READERS_MAX: u32 = 4;
/// How long a statement may wait for a connection before the caller is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// The file of the database in the data directory.
pub(crate) const DATABASE_FILE: &str = "sotto.db";

/// `synchronous=FULL` syncs the write-ahead log at each commit: an acknowledgement means durable. The commit that brings
/// it to 16 000 pages (64 MB) copies them into the database, which is 12 ms of work that everybody behind it waits for: at
/// full load one commit in fifty. With 4 000 pages it would be one in ten, and a fifth more to write.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 5000; PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -8000; \
     PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864";

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// All connections are taken for too long: come back later.
    #[error("wait for a connection to the database")]
    Busy(#[source] sqlx::Error),
    /// The files of the database cannot be kept from other users of the machine.
    #[error("protect the database")]
    Protect(#[source] io::Error),
    /// The database refused a statement or broke.
    #[error("use the database")]
    Failed(#[source] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("migrate the database")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A stored value is not what was written: a defect, or a damaged file.
    #[error("read a stored value")]
    Corrupt,
    /// No randomness from the operating system.
    #[error("draw the deployment's secret")]
    Random(#[source] getrandom::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => Self::Busy(error),
            error => Self::Failed(error),
        }
    }
}

/// The transaction of the one writer. Dropped without `commit`, it leaves nothing behind.
pub(crate) type Write = Transaction<'static, Any>;

/// The database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    readers: AnyPool,
    writer: AnyPool,
    secret: [u8; 32],
}

impl Store {
    /// Opens the database in `data_dir`, makes it where there is none, and brings its schema up to date.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        protect(&data_dir.join(DATABASE_FILE)).map_err(StoreError::Protect)?;
        let url = format!("sqlite://{}?mode=rwc", data_dir.join(DATABASE_FILE).display());
        let options = |connections_max| {
            AnyPoolOptions::new()
                .max_connections(connections_max)
                .min_connections(1)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .after_connect(|connection, _| {
                    Box::pin(async move { connection.execute(SQLITE_SETTINGS).await.map(|_| ()) })
                })
        };
        let writer = options(1).connect(&url).await?;
        sqlx::migrate!("./migrations").run(&writer).await?;
        let readers = options(READERS_MAX).connect(&url).await?;
        let mut store = Self { readers, writer, secret: [0; 32] };
        store.secret = store.deployment_secret().await?;
        Ok(store)
    }

    /// For statements that only read. They see everything that was committed before they began.
    pub(crate) fn read(&self) -> &AnyPool {
        &self.readers
    }

    /// Waits for its turn and begins a transaction.
    pub(crate) async fn write(&self) -> Result<Write, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Answers, when the database does.
    pub(crate) async fn answer(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(&self.readers).await?;
        Ok(())
    }

    /// A secret of this deployment, drawn when its database was made.
    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }

    /// Closes every connection. What waits for one is refused.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn deployment_secret(&self) -> Result<[u8; 32], StoreError> {
        let mut tx = self.write().await?;
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(StoreError::Random)?;
        sqlx::query(
            "INSERT INTO deployment (id, secret, head, horizon) VALUES (1, $1, 0, 0) ON CONFLICT (id) DO NOTHING",
        )
        .bind(fresh.as_slice())
        .execute(&mut *tx)
        .await?;
        let Bytes32(secret) = secret_of(&mut tx).await?;
        tx.commit().await?;
        Ok(secret)
    }
}

/// Makes the file of the database where there is none, and takes it and those beside it from other users: the folder may
/// have been made with wider rights. SQLite gives the files that it makes beside it the same rights.
fn protect(database: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(database)?;
    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        match std::fs::set_permissions(PathBuf::from(path), Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

async fn secret_of(connection: &mut AnyConnection) -> Result<Bytes32, StoreError> {
    let row = sqlx::query("SELECT secret FROM deployment WHERE id = 1").fetch_one(connection).await?;
    rows::column(&row, 0)
}
