//! What stands in the database of the server under test. Owns the reading; writes nothing. The rule: what a device has no
//! right to read any more is read here.

use super::Server;
use sotto_wire::{ClientId, ConversationId, DeviceId, DeviceRef, UserId};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};
use std::collections::BTreeMap;

/// What a row of a log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRowKind {
    /// A message.
    Message,
    /// A commit.
    Commit,
}

/// A row of a conversation's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// What it is.
    pub kind: LogRowKind,
    /// Who sent it.
    pub sender: DeviceRef,
    /// The sender's id of it.
    pub client_id: ClientId,
    /// The epoch that a message is sealed in, or that a commit leads to.
    pub epoch: u64,
}

impl Server {
    /// How many rows each table of its database has, and every number of its log. The server may be running.
    pub async fn rows(&self) -> BTreeMap<String, i64> {
        let mut database = self.database().await;
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let tables: Vec<String> = sqlx::query_scalar(names).fetch_all(&mut database).await.expect("the tables");
        let mut rows = BTreeMap::new();
        for table in tables {
            let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
            let count: i64 = sqlx::query_scalar(count).fetch_one(&mut database).await.expect("a count");
            rows.insert(table, count);
        }
        let head = "SELECT head FROM deployment";
        rows.insert("head".to_owned(), sqlx::query_scalar(head).fetch_one(&mut database).await.expect("a number"));
        database.close().await.expect("the database is there");
        rows
    }

    /// The messages and commits of a conversation in their order, from its beginning. The server may be running.
    pub async fn log_of(&self, conversation: ConversationId) -> Vec<LogRow> {
        let mut database = self.database().await;
        let query = "SELECT kind, sender_account, sender_device, client_id, epoch FROM log \
            WHERE stream = $1 AND kind IN (1, 2) ORDER BY n";
        let query = sqlx::query(query).bind(conversation.0.to_vec());
        let rows = query.fetch_all(&mut database).await.expect("the log");
        database.close().await.expect("the database is there");
        let id = |row: &sqlx::any::AnyRow, column: usize| {
            let bytes: Vec<u8> = row.get(column);
            <[u8; 16]>::try_from(bytes).expect("an id has 16 bytes")
        };
        let read = |row: sqlx::any::AnyRow| LogRow {
            kind: if row.get::<i64, _>(0) == 1 { LogRowKind::Message } else { LogRowKind::Commit },
            sender: DeviceRef { user: UserId(id(&row, 1)), device: DeviceId(id(&row, 2)) },
            client_id: ClientId(id(&row, 3)),
            epoch: u64::try_from(row.get::<i64, _>(4)).expect("epochs count up from zero"),
        };
        rows.into_iter().map(read).collect()
    }

    async fn database(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}", self.folder().join("sotto.db").display());
        AnyConnection::connect(&url).await.expect("the database is there")
    }
}
