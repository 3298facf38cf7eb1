//! Invites of groups: published and revoked with a commit, used up by those that join.
//!
//! The rule: what a joiner shows is compared by its SHA-256 and in constant time, with every invite that is live; uses
//! are counted in the transaction of the commit that joins.

use crate::store::rows::{bigint, column};
use crate::store::{StoreError, Write};
use sha2::{Digest as _, Sha256};
use sotto_wire::invite::InviteChange;
use sotto_wire::{ConversationId, InviteId, Millis, limit};
use sqlx::AnyConnection;
use subtle::ConstantTimeEq as _;

/// Publishes and revokes; `false` when more than [`limit::INVITES_MAX`] would stand.
pub(crate) async fn change(
    tx: &mut Write,
    conversation: ConversationId,
    (change, now): (&InviteChange, Millis),
) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM invite WHERE conversation = $1 AND expires_at <= $2")
        .bind(conversation.0.as_slice())
        .bind(bigint(now.0))
        .execute(&mut **tx)
        .await?;
    for id in &change.revoke {
        sqlx::query("DELETE FROM invite WHERE conversation = $1 AND id = $2")
            .bind(conversation.0.as_slice())
            .bind(id.0.as_slice())
            .execute(&mut **tx)
            .await?;
    }
    for invite in &change.publish {
        sqlx::query(
            "INSERT INTO invite (conversation, id, access_hash, card, expires_at, uses_max, uses) \
             VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (conversation, id) DO UPDATE SET \
             access_hash = excluded.access_hash, card = excluded.card, expires_at = excluded.expires_at, \
             uses_max = excluded.uses_max",
        )
        .bind(conversation.0.as_slice())
        .bind(invite.id.0.as_slice())
        .bind(invite.access_hash.as_slice())
        .bind(invite.sealed_card.as_slice())
        .bind(bigint(invite.expires_at.0))
        .bind(i64::from(invite.uses_max))
        .execute(&mut **tx)
        .await?;
    }
    let row = sqlx::query("SELECT COUNT(*) FROM invite WHERE conversation = $1")
        .bind(conversation.0.as_slice())
        .fetch_one(&mut **tx)
        .await?;
    Ok(column::<u64>(&row, 0)? <= limit::INVITES_MAX as u64)
}

/// The live invite that `access` opens.
pub(crate) async fn find(
    connection: &mut AnyConnection,
    conversation: ConversationId,
    (access, now): (&[u8], Millis),
) -> Result<Option<InviteId>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, access_hash FROM invite WHERE conversation = $1 AND expires_at > $2 AND uses < uses_max",
    )
    .bind(conversation.0.as_slice())
    .bind(bigint(now.0))
    .fetch_all(connection)
    .await?;
    let shown = Sha256::digest(access);
    let mut found = None;
    for row in &rows {
        let hash: Vec<u8> = column(row, 1)?;
        if bool::from(hash.ct_eq(shown.as_slice())) {
            found = Some(column(row, 0)?);
        }
    }
    Ok(found)
}

/// The sealed card of an invite.
pub(crate) async fn card(
    connection: &mut AnyConnection,
    (conversation, id): (ConversationId, InviteId),
) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT card FROM invite WHERE conversation = $1 AND id = $2")
        .bind(conversation.0.as_slice())
        .bind(id.0.as_slice())
        .fetch_optional(connection)
        .await?;
    row.map(|row| column(&row, 0)).transpose()
}

/// Counts a use; `false` when none is left.
pub(crate) async fn spend(tx: &mut Write, (conversation, id): (ConversationId, InviteId)) -> Result<bool, StoreError> {
    let spent =
        sqlx::query("UPDATE invite SET uses = uses + 1 WHERE conversation = $1 AND id = $2 AND uses < uses_max")
            .bind(conversation.0.as_slice())
            .bind(id.0.as_slice())
            .execute(&mut **tx)
            .await?;
    Ok(spent.rows_affected() == 1)
}
