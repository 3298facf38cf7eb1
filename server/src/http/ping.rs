//! Ping: a round trip, and how far the device has stored what it got.

use crate::app::App;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::http::messages::read_cursor;
use crate::refusal::Refusal;
use sotto_wire::ping::{Ping, PingRequest, Pong};
use std::sync::Arc;

/// Adds the endpoint of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    route(routes, Ping, ping)
}

/// [`Ping`].
pub(crate) async fn ping(app: Arc<App>, caller: DeviceCaller, request: PingRequest) -> Result<Pong, Refusal> {
    if let Some(cursor) = &request.cursor {
        let n = read_cursor(&app, cursor).await?;
        app.delivery.acknowledge(caller.device.device, n);
    }
    Ok(Pong { server_time: app.clock.now() })
}
