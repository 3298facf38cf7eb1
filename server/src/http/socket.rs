//! The event stream over a WebSocket (T2, T14): the answer to the handshake, and what the socket is handed over with.

use crate::app::App;
use crate::delivery::ear::Ear;
use crate::delivery::frame::Codec;
use crate::delivery::ticket::Start;
use crate::http::auth::DeviceCaller;
use crate::http::command::{Format, carrier};
use crate::share::Network;
use crate::websocket::{Agreed, Compression, Decoder, NotAHandshake, agree};
use axum::http::{HeaderMap, StatusCode};
use sotto_wire::limit;
use sotto_wire::websocket::{SUBPROTOCOL_CBOR, SUBPROTOCOL_JSON};
use std::sync::Arc;

/// Longest message of a client: the longest body of any command. Each has its own bound besides.
const MESSAGE_MAX_BYTES: usize = limit::GROUP_BODY_MAX_BYTES;

/// The head of the answer 101, and how the stream is written.
pub(crate) fn shake(headers: &HeaderMap) -> Result<(StatusCode, HeaderMap, Codec), NotAHandshake> {
    let agreed = agree(headers, &[SUBPROTOCOL_JSON, SUBPROTOCOL_CBOR])?;
    Ok((StatusCode::SWITCHING_PROTOCOLS, agreed.headers(), codec(&agreed)))
}

fn codec(agreed: &Agreed) -> Codec {
    match agreed.subprotocol {
        Some(SUBPROTOCOL_CBOR) => Codec::Cbor(agreed.compression),
        Some(_) | None => Codec::Json(agreed.compression),
    }
}

/// How the stream listens to its client; a deaf one when it is no WebSocket.
pub(crate) fn ear(app: &Arc<App>, (codec, start): (Codec, Start), network: Network) -> Ear {
    let (format, compression) = match codec {
        Codec::Sse | Codec::List => return Ear::Deaf,
        Codec::Json(compression) => (Format::Json, compression),
        Codec::Cbor(compression) => (Format::Cbor, compression),
    };
    let decoder = Decoder::new(MESSAGE_MAX_BYTES);
    let decoder = match compression {
        Compression::Off => decoder,
        Compression::Wide | Compression::Narrow => decoder.with_deflate(),
    };
    let caller = DeviceCaller { session: start.session, device: start.device, network };
    Ear::open(decoder, carrier(app.clone(), caller, format), (app.bodies.known.clone(), network))
}
