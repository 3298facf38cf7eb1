//! From rows of the log to the events that they are.

use crate::delivery::cursor::CursorKey;
use crate::store::log::{Row, RowKind, Stream};
use crate::store::{Store, StoreError, conversation, group, member, party};
use sotto_wire::conversation::Kind;
use sotto_wire::event::{ConversationCommitted, ConversationWelcome, Durable, MessageReceived};

/// The event that a row is; `None` for a row that is the server's own.
pub(crate) async fn of_row(store: &Store, cursors: &CursorKey, row: Row) -> Result<Option<Durable>, StoreError> {
    let Row { n, stream, kind, conversation, sender, client_id, epoch, body, sent_at } = row;
    let cursor = cursors.write(n);
    Ok(match (kind, stream) {
        (RowKind::Created | RowKind::Left, _) => None,
        (RowKind::Message, _) => Some(Durable::MessageReceived(MessageReceived {
            cursor,
            conversation,
            sender,
            client_id,
            epoch,
            ciphertext: body.into(),
            sent_at,
        })),
        (RowKind::Commit, _) => Some(Durable::ConversationCommitted(ConversationCommitted {
            cursor,
            conversation,
            sender,
            client_id,
            epoch,
            commit: body.into(),
            sent_at,
        })),
        (RowKind::Welcome, Stream::Device(device)) => {
            let user = member::account_of(store.read(), device).await?.ok_or(StoreError::Corrupt)?;
            let kind = conversation::kind_for(store.read(), conversation, user).await?.ok_or(StoreError::Corrupt)?;
            let welcome = group::load_welcome(store.read(), conversation, epoch).await?;
            // Retention took it between the reading of the row and now: the row is gone as well.
            let Some(welcome) = welcome else { return Ok(None) };
            let people = match kind {
                Kind::Direct { .. } | Kind::Notes => party::people(store.read(), conversation).await?,
                // A thousand names for each of a thousand: who wants them asks for them.
                Kind::Group => Vec::new(),
            };
            let own = party::one(store.read(), (conversation, user)).await?;
            Some(Durable::ConversationWelcome(ConversationWelcome {
                cursor,
                conversation,
                kind,
                people,
                accepted: own.is_some_and(|party| party.has_accepted),
                sender,
                epoch,
                welcome: welcome.into(),
                sent_at,
            }))
        }
        (RowKind::Welcome, Stream::Conversation(_)) => return Err(StoreError::Corrupt),
    })
}
