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
mod store;
mod token;

pub use clock::Clock;
pub use config::{AddressSource, Config, ConfigError, LogFormat, Rates};
pub use login::LoginSuite;
pub use process::main;
pub use secret::SecretError;
pub use store::StoreError;

use app::App;
use delivery::{Delivery, Terms};
use http::accept::accept;
use http::auth::Sessions;
use http::rate::Limits;
use login::Logins;
use secret::Secrets;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use sotto_wire::Millis;
use store::Store;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

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
    std::fs::create_dir_all(&path).map_err(|source| ServeError::Folder { path: path.clone(), source })?;
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
        retention_ms: (config.retention_days > 0).then(|| Millis(u64::from(config.retention_days) * DAY_MS)),
    };
    let delivery = Delivery::start(store.clone(), clock.clone(), terms).await?;
    let drain = Duration::from_millis(config.drain_ms);
    let limits = Limits::new(&config.rates);
    let app = App { config, clock, store: store.clone(), delivery: delivery.clone(), secrets, logins: Logins::default(), sessions: Sessions::default(), limits };
    let router = http::router(Arc::new(app));
    let closing = delivery.clone();
    accept(listener, router, shutdown, (move || closing.close_streams(), drain)).await;
    delivery.stop().await;
    store.close().await;
    Ok(())
}
