//! The Sotto server: accounts, one log, and the streams that carry it. [`serve`] is all of it; `main.rs` adds the
//! process around it: settings, log, socket, signals.

mod app;
mod clock;
mod config;
mod http;
mod login;
mod refusal;
mod secret;
mod store;
mod token;

pub use clock::Clock;
pub use config::{AddressSource, Config, ConfigError, LogFormat, Rates};
pub use login::LoginSuite;
pub use secret::SecretError;
pub use store::StoreError;

use app::App;
use http::auth::Sessions;
use http::rate::Limits;
use login::Logins;
use secret::Secrets;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

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
    /// The key file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The socket.
    #[error("accept connections")]
    Accept(#[source] io::Error),
}

/// Serves on `listener` until `shutdown` completes and what was begun is finished, at most [`Config::drain_ms`] later.
///
/// # Errors
/// [`ServeError`]; nothing was served then, unless it is [`ServeError::Accept`].
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
    std::fs::create_dir_all(&path).map_err(|source| ServeError::Folder { path: path.clone(), source })?;
    let secrets = Secrets::open(&path)?;
    let store = Store::open(&path).await?;
    let mut tx = store.write().await?;
    let expected = store::secret::fingerprint(&mut tx, secrets.fingerprint()).await?;
    tx.commit().await.map_err(StoreError::from)?;
    if !bool::from(expected.ct_eq(secrets.fingerprint().as_slice())) {
        return Err(SecretError::Foreign.into());
    }
    let limits = Limits::new(&config.rates);
    let app = App { config, clock, store, secrets, logins: Logins::default(), sessions: Sessions::default(), limits };
    let router = http::router(Arc::new(app));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await.map_err(ServeError::Accept)
}
