//! The local store of a device, in memory, outliving the device. Owns what IndexedDB would: whole batches, rows in order.

use bytes::Bytes;
use sotto_core::contract::{Batch, Erase, Place, Record, Table, Wanted};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// A disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<BTreeMap<Place, Bytes>>>);

impl Disk {
    /// How many rows a table has.
    pub fn rows(&self, table: Table) -> usize {
        self.lock().keys().filter(|place| place.table == table).count()
    }

    pub(super) fn write(&self, batch: Batch) {
        let mut records = self.lock();
        if batch.erase == Erase::Everything {
            records.clear();
        }
        for place in &batch.deletes {
            records.remove(place);
        }
        records.extend(batch.puts.into_iter().map(|record| (record.place, record.value)));
    }

    pub(super) fn read(&self, wanted: &Wanted) -> Vec<Record> {
        let records = self.lock();
        let record = |(place, value): (&Place, &Bytes)| Record { place: place.clone(), value: value.clone() };
        match wanted {
            Wanted::Places(places) => {
                places.iter().filter_map(|place| records.get_key_value(place)).map(record).collect()
            }
            Wanted::Tables(tables) => {
                records.iter().filter(|(place, _)| tables.contains(&place.table)).map(record).collect()
            }
            Wanted::Newest { table, prefix, below, limit } => {
                let within = |row: &[u8]| row.starts_with(prefix) && below.as_deref().is_none_or(|below| row < below);
                let rows = records.iter().rev().filter(|(place, _)| place.table == *table && within(&place.row));
                rows.take(*limit).map(record).collect()
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Bytes>> {
        self.0.lock().expect("no holder of the disk panics")
    }
}
