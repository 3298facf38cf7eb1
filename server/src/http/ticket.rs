//! The ticket: where a device asks for its event stream, and learns the stream's terms.

use crate::app::App;
use crate::delivery::ticket::TicketError;
use crate::delivery::ticket::{Stage, Start};
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::http::messages::read_cursor;
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::log::LogNumber;
use crate::store::{account, presence};
use sotto_wire::ticket::{OpenTicket, RetryPolicy, TicketOpened, TicketRequest};
use sotto_wire::{Code, Millis, PROTOCOL, PROTOCOL_OLDEST, Problem};
use std::sync::Arc;

/// How long a client waits when too many tickets are open: until the oldest have ended.
const TICKETS_WAIT: Millis = Millis(5_000);

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    route(routes, OpenTicket, open)
}

/// [`OpenTicket`].
pub(crate) async fn open(app: Arc<App>, caller: DeviceCaller, request: TicketRequest) -> Result<TicketOpened, Refusal> {
    if request.protocol < PROTOCOL_OLDEST {
        return Err(Code::ProtocolUnsupported.into());
    }
    if request.protocol > PROTOCOL {
        return Err(Code::ServerTooOld.into());
    }
    let (settings, key_packages) = presence::beginning(app.store.read(), caller.device).await?;
    let from = match &request.cursor {
        Some(cursor) => {
            let n = read_cursor(&app, cursor).await?;
            app.delivery.acknowledge(caller.device.device, n);
            n
        }
        None => registered(&app, caller).await?,
    };
    let ticket = app.delivery.issue_ticket(Start {
        session: caller.session,
        device: caller.device,
        from,
        stage: Stage::First,
        key_packages,
        settings,
    })?;
    Ok(TicketOpened {
        ticket,
        transports: app.config.offered(),
        heartbeat_ms: app.delivery.terms().heartbeat_ms,
        retry: RetryPolicy::default(),
        protocol: request.protocol,
        features: Vec::new(),
        server_time: app.clock.now(),
    })
}

/// Where the stream of a fresh device begins.
async fn registered(app: &App, caller: DeviceCaller) -> Result<LogNumber, Refusal> {
    let mut connection = app.store.read().acquire().await.map_err(StoreError::from)?;
    let device = account::load_device(&mut connection, caller.device.device).await?.ok_or(Code::DeviceNeeded)?;
    Ok(LogNumber(device.registered_n))
}

impl From<TicketError> for Refusal {
    fn from(error: TicketError) -> Self {
        match error {
            TicketError::Full => Problem::new(Code::Unavailable).after(TICKETS_WAIT).into(),
            TicketError::Random(_) => Self::failed(error),
        }
    }
}
