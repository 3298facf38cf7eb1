//! Which key file belongs to this database.

use crate::store::rows::column;
use crate::store::{StoreError, Write};

/// The fingerprint of the key file that this database was made with: `fresh`, where it is new.
pub(crate) async fn fingerprint(tx: &mut Write, fresh: [u8; 32]) -> Result<Vec<u8>, StoreError> {
    sqlx::query("INSERT INTO key_file (id, fingerprint) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
        .bind(fresh.as_slice())
        .execute(&mut **tx)
        .await?;
    let row = sqlx::query("SELECT fingerprint FROM key_file WHERE id = 1").fetch_one(&mut **tx).await?;
    column(&row, 0)
}
