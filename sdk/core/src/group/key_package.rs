//! Key packages (RFC 9420 §10): what others need to add this device while it is away.
//!
//! Owns making them and keeping their secrets.

use super::config::{leaf_extensions, time};
use super::row;
use super::storage::{Shelf, Use};
use super::{GroupError, Groups};
use crate::contract::Record;
use mls_rs::extension::recommended::LastResortKeyPackageExt;
use mls_rs::{Client, ExtensionList};
use sotto_wire::{Base64, Millis, limit};

/// A key package is valid from so long before it is made, for clocks that go slow.
pub(super) const SLACK: Millis = Millis(86_400_000);
/// Secrets of one-time packages are kept so long: a little longer than others may use them.
const KEPT: Millis = Millis(400 * 86_400_000);
/// Most secrets of one-time packages that are kept, at 8 kB each: four times the stock at the server. The rest was
/// claimed by people who never wrote; who writes with an older one finds the device by its external join.
const KEPT_MAX: usize = 4 * limit::KEY_PACKAGE_STOCK;

impl Groups {
    /// Takes in the rows of the table `key_package`. Rows that cannot be read are left out: who was invited with such a
    /// package joins from outside.
    pub(crate) fn load_key_packages(&mut self, records: Vec<Record>) {
        for Record { place, value } in records {
            if let Some(key) = row::decode_key(&value) {
                self.keys.restore(place.row, key);
            }
        }
    }

    /// `count` one-time key packages, made at `now` by the server's clock.
    pub(crate) fn key_packages(&mut self, count: usize, now: Millis) -> Result<Vec<Base64>, GroupError> {
        self.keys.prune(Use::Once, now.since(KEPT));
        self.keys.keep_newest(Use::Once, KEPT_MAX.saturating_sub(count));
        self.keys.mark(Use::Once, now);
        let client = self.client(&Shelf::default());
        (0..count).map(|_| self.key_package(&client, ExtensionList::default(), now)).collect()
    }

    /// A new last resort, made at `now` by the server's clock. Of those before, the newest stays usable: somebody may
    /// have claimed it just now.
    pub(crate) fn last_resort(&mut self, now: Millis) -> Result<Base64, GroupError> {
        if let Some(newest) = self.keys.newest(Use::Again) {
            self.keys.prune(Use::Again, newest);
        }
        self.keys.mark(Use::Again, now);
        let mut extensions = ExtensionList::default();
        extensions.set_from(LastResortKeyPackageExt).map_err(mls_rs::error::MlsError::from)?;
        self.key_package(&self.client(&Shelf::default()), extensions, now)
    }

    fn key_package(
        &self,
        client: &Client<super::Config>,
        extensions: ExtensionList,
        now: Millis,
    ) -> Result<Base64, GroupError> {
        let not_before = time(now.since(SLACK));
        let message =
            client.generate_key_package_message(extensions, leaf_extensions(&self.device), Some(not_before))?;
        Ok(message.to_bytes()?.into())
    }
}
