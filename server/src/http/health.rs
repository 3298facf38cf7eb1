//! Health, for whoever watches over the process: it lives; it is ready to serve.

use crate::app::App;
use crate::http::endpoint::{Routes, wrong_method};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;

/// A store that has not answered by then is not ready.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn routes(routes: Routes) -> Routes {
    routes.add("/health/live", get(live).fallback(wrong_method)).add("/health/ready", get(ready).fallback(wrong_method))
}

async fn live() -> &'static str {
    "live\n"
}

async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    match tokio::time::timeout(READY_TIMEOUT, app.store.answer()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}
