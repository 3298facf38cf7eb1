//! HTTP: the list of routes, and what stands around each of them.

pub(crate) mod accept;
pub(crate) mod accounts;
pub(crate) mod assets;
pub(crate) mod auth;
pub(crate) mod command;
pub(crate) mod conversations;
pub(crate) mod devices;
pub(crate) mod endpoint;
pub(crate) mod events;
pub(crate) mod groups;
pub(crate) mod headers;
pub(crate) mod health;
pub(crate) mod invites;
pub(crate) mod keys;
pub(crate) mod messages;
pub(crate) mod openapi;
pub(crate) mod people;
pub(crate) mod ping;
pub(crate) mod poll;
pub(crate) mod presence;
pub(crate) mod rate;
pub(crate) mod sessions;
pub(crate) mod socket;
pub(crate) mod streams;
pub(crate) mod ticket;
pub(crate) mod typing;
pub(crate) mod users;

use crate::app::App;
use crate::http::endpoint::Routes;
use axum::Router;
use axum::middleware::map_response;
use axum::routing::any;
use std::any::Any;
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// Everything that is answered.
pub(crate) fn routes() -> Routes {
    let mut routes = Routes::default();
    for add in [
        accounts::routes,
        sessions::routes,
        devices::routes,
        users::routes,
        keys::routes,
        health::routes,
        conversations::routes,
        groups::routes,
        invites::routes,
        people::routes,
        messages::routes,
        openapi::routes,
        ping::routes,
        presence::routes,
        typing::routes,
        ticket::routes,
        events::routes,
    ] {
        routes = add(routes);
    }
    routes
}

/// The server over HTTP.
pub(crate) fn serve(router: Router<Arc<App>>, app: Arc<App>) -> Router {
    let clock = app.clock.clone();
    router
        .route("/api", any(endpoint::unknown_command))
        .route("/api/", any(endpoint::unknown_command))
        .route("/api/{*path}", any(endpoint::unknown_command))
        .fallback(assets::serve)
        .layer(CatchPanicLayer::custom(move |_: Box<dyn Any + Send>| endpoint::panicked(clock.now())))
        .layer(map_response(headers::set))
        .with_state(app)
}
