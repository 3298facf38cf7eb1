//! The Sotto server: accounts, one log, and the streams that carry it. [`serve`] is all of it; [`main`] adds the
//! process around it: settings, log, socket, signals.

mod app;
mod clock;
mod config;
mod delivery;
mod http;
mod login;
mod process;
mod refusal;
mod secret;
mod share;
mod store;
mod token;
#[doc(hidden)]
pub mod websocket;

pub use clock::Clock;
pub use config::{AddressSource, Config, ConfigError, LogFormat, OfferedTransport, Rates};
pub use login::LoginSuite;
pub use process::main;
pub use secret::SecretError;
pub use store::StoreError;

use app::App;
use delivery::{Delivery, Terms};
use http::accept::accept;
use http::auth::Sessions;
use http::endpoint::Bodies;
use http::rate::Limits;
use http::streams::Streams;
use login::Logins;
use secret::Secrets;
use sotto_wire::Millis;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

/// Locked while a server runs; empty.
const LOCK_FILE: &str = "server.lock";

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder cannot be made.
    #[error("make the data folder {path}")]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process serves this folder: each would believe its own memory of the sessions.
    #[error("the data folder is in use by another server")]
    InUse,
    /// The key file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The socket has no address.
    #[error("read the address of the listener")]
    Listener(#[source] io::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Serves on `listener` until `shutdown` completes and what was begun is finished, at most [`Config::drain_ms`] later.
///
/// # Errors
/// [`ServeError`]; nothing was served then.
pub async fn serve(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    serve_by(Clock::System, config, listener, shutdown).await
}

/// [`serve`] by another clock than the machine's.
///
/// # Errors
/// Those of [`serve`].
pub async fn serve_by(
    clock: Clock,
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let path = config.data_dir.clone();
    make_folder(&path).map_err(|source| ServeError::Folder { path: path.clone(), source })?;
    let _lock = lock(&path)?;
    let secrets = Secrets::open(&path)?;
    let store = Store::open(&path).await?;
    let mut tx = store.write().await?;
    let expected = store::secret::fingerprint(&mut tx, secrets.fingerprint()).await?;
    tx.commit().await.map_err(StoreError::from)?;
    if !bool::from(expected.ct_eq(secrets.fingerprint().as_slice())) {
        return Err(SecretError::Foreign.into());
    }
    let terms = Terms {
        heartbeat_ms: Millis(config.heartbeat_ms),
        shutdown_spread_ms: Millis(config.shutdown_spread_ms),
        retention_ms: config.retention(),
        poll_hold_ms: Millis(config.poll_hold_ms),
    };
    let delivery = Delivery::start(store.clone(), clock.clone(), terms).await?;
    let drain = Duration::from_millis(config.drain_ms);
    let network_connections_max = config.connections_per_address();
    let limits = Limits::new(&config.rates);
    let streams = Streams::new(&config);
    let routes = http::routes();
    let app = App {
        config,
        clock,
        store: store.clone(),
        delivery: delivery.clone(),
        secrets,
        logins: Logins::default(),
        sessions: Sessions::default(),
        limits,
        bodies: Bodies::default(),
        streams,
        commands: routes.commands,
    };
    let router = http::serve(routes.router, Arc::new(app));
    let closing = delivery.clone();
    let address = listener.local_addr().map_err(ServeError::Listener)?;
    tracing::info!(%address, "listening");
    accept((listener, network_connections_max), router, shutdown, (move || closing.close_streams(), drain)).await;
    delivery.stop().await;
    store.close().await;
    Ok(())
}

/// Makes the data folder, for this user only, where there is none.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Takes the data folder for this process, until the file is dropped.
fn lock(folder: &Path) -> Result<File, ServeError> {
    let path = folder.join(LOCK_FILE);
    let failed = |source| ServeError::Folder { path: path.clone(), source };
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ServeError::InUse),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}
