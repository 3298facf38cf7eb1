//! Messages: appending one, reading a page of a conversation's log.

use crate::app::App;
use crate::delivery::event;
use crate::delivery::writer::AppendError;
use crate::http::auth::DeviceCaller;
use crate::http::endpoint::{Routes, route};
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::store::append::{Append, Appended};
use crate::store::log::{self, LogNumber, PageSize};
use crate::store::member::first_readable;
use sotto_wire::message::{
    LoadMessages, LoadMessagesRequest, MessageSent, MessagesLoaded, SendMessage, SendMessageRequest,
};
use sotto_wire::{Code, Cursor, Millis, Problem, limit};
use std::sync::Arc;

/// Bodies of one page of history: four times a page of ordinary messages, a third of the largest.
const PAGE_BODY_MAX_BYTES: usize = 2 * 1_024 * 1_024;
/// How long a sender waits when the queue of the log is full. It is emptied several times a second.
const QUEUE_WAIT: Millis = Millis(500);

/// Adds the endpoints of this file.
pub(crate) fn routes(routes: Routes) -> Routes {
    let routes = route(routes, SendMessage, send);
    route(routes, LoadMessages, load)
}

/// [`SendMessage`].
pub(crate) async fn send(
    app: Arc<App>,
    caller: DeviceCaller,
    request: SendMessageRequest,
) -> Result<MessageSent, Refusal> {
    match request.ciphertext.len() {
        0 => return Err(Code::Invalid.into()),
        size if size > limit::CIPHERTEXT_MAX_BYTES => return Err(Code::TooLarge.into()),
        _ => {}
    }
    let append = Append {
        conversation: request.conversation,
        sender: caller.device,
        client_id: request.client_id,
        epoch: request.epoch,
        ciphertext: request.ciphertext.0,
    };
    match app.delivery.append(append).await? {
        Appended::Stored { n, sent_at } => Ok(MessageSent { cursor: app.delivery.cursors().write(n), sent_at }),
        Appended::NotAMember => Err(Code::NotAMember.into()),
        Appended::StaleEpoch { newest_commit } => Err(stale_epoch(&app, newest_commit)),
        Appended::NotAccepted => Err(Code::NotAccepted.into()),
        Appended::IdTaken => Err(Code::IdTaken.into()),
    }
}

/// [`LoadMessages`].
pub(crate) async fn load(
    app: Arc<App>,
    caller: DeviceCaller,
    request: LoadMessagesRequest,
) -> Result<MessagesLoaded, Refusal> {
    if !(1..=limit::PAGE_MAX).contains(&request.limit) {
        return Err(Code::Invalid.into());
    }
    let before = match &request.before {
        Some(cursor) => read_cursor(&app, cursor).await?,
        None => LogNumber::END,
    };
    let pool = app.store.read();
    let first = first_readable(pool, request.conversation, caller.device.device).await?.ok_or(Code::NotAMember)?;
    // One more than asked for shows whether there is more.
    let size = PageSize { rows_max: request.limit + 1, body_max_bytes: PAGE_BODY_MAX_BYTES };
    let rows = log::read_conversation(pool, request.conversation, (first, before), size).await?;
    let bytes: usize = rows.iter().map(|row| row.body.len()).sum();
    let more = rows.len() > request.limit || bytes >= PAGE_BODY_MAX_BYTES;
    let mut events = Vec::with_capacity(rows.len().min(request.limit));
    for row in rows.into_iter().take(request.limit).rev() {
        events.extend(event::of_row(&app.store, app.delivery.cursors(), row).await?);
    }
    Ok(MessagesLoaded { events, more })
}

/// The number that a cursor stands for, when this deployment has given it out.
pub(crate) async fn read_cursor(app: &App, cursor: &Cursor) -> Result<LogNumber, Refusal> {
    let n = app.delivery.cursors().read(cursor).ok_or(Code::BadCursor)?;
    if n <= app.delivery.delivered() {
        return Ok(n);
    }
    let head = log::bounds(app.store.read()).await?.head;
    // A restored backup may lie behind what it has given out before.
    if n > head { Err(Code::BadCursor.into()) } else { Ok(n) }
}

/// The problem that names the commit which the sender must read first.
pub(crate) fn stale_epoch(app: &App, newest_commit: LogNumber) -> Refusal {
    let cursor = Some(app.delivery.cursors().write(newest_commit));
    Problem { cursor, ..Problem::new(Code::StaleEpoch) }.into()
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Unavailable => Problem::new(Code::Unavailable).after(QUEUE_WAIT).into(),
            AppendError::Store(ref source) if matches!(**source, StoreError::Busy(_)) => Code::Unavailable.into(),
            AppendError::Store(_) => Self::failed(error),
        }
    }
}
