//! The self-test (E12): runs the core's checks and one of the local store in this browser, one after the other, and tells
//! each as it ends. Owns the order and the time taken; what is checked is the core's affair.

use crate::clock;
use crate::database::Database;
use crate::random;
use crate::task::painted;
use idb::Factory;
use sotto_core::contract::{Batch, BatchKey, Erase, Place, Record, Table, Wanted};
use sotto_core::self_test::Check as CoreCheck;
use sotto_core::wire::Millis;

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// One of the core's.
    Encryption(CoreCheck),
    /// What is written into a store of its own comes back, and is gone when it is erased.
    LocalStore,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub check: Check,
    /// How.
    pub verdict: Verdict,
    /// How long it took, by the wall clock.
    pub took: Millis,
}

/// Whether a check holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Passed,
    /// It does not: this browser must not be trusted with messages.
    Failed,
}

/// All checks, in their order.
pub fn checks() -> impl Iterator<Item = Check> {
    CoreCheck::ALL.into_iter().map(Check::Encryption).chain([Check::LocalStore])
}

/// Runs all checks and tells each finding as it is there. The page has its turn between two.
pub async fn self_test(mut told: impl FnMut(Finding)) {
    for check in checks() {
        painted().await;
        let began = clock::now();
        let passed = match check {
            Check::Encryption(check) => random::bytes().is_some_and(|seed| check.run(seed).is_ok()),
            Check::LocalStore => local_store().await.is_some(),
        };
        let verdict = if passed { Verdict::Passed } else { Verdict::Failed };
        told(Finding { check, verdict, took: clock::now().since(began) });
    }
}

/// Writes, reads and erases in a database that is there for nothing else; `None` when something of it fails.
async fn local_store() -> Option<()> {
    // Of its own for each run: of two tabs on one store the older could not write.
    let name = format!("sotto-self-test-{:016x}", u64::from_le_bytes(random::bytes()?));
    let outcome = written_and_erased(&name).await;
    Factory::new().ok()?.delete(&name).ok()?.await.ok()?;
    outcome
}

async fn written_and_erased(name: &str) -> Option<()> {
    let database = Database::open(name, |_| ()).await.ok()?;
    let place = Place { table: Table::Group, row: b"self-test".to_vec() };
    let record = Record { place: place.clone(), value: random::bytes::<64>()?.to_vec().into() };
    let wanted = Wanted::Places(vec![place]);
    database.write(&batch(Erase::Nothing, vec![record.clone()])).await.ok()?;
    let there = database.read(&wanted).await.ok()?;
    database.write(&batch(Erase::Everything, Vec::new())).await.ok()?;
    let gone = database.read(&wanted).await.ok()?;
    (there == [record] && gone.is_empty()).then_some(())
}

fn batch(erase: Erase, puts: Vec<Record>) -> Batch {
    Batch { key: BatchKey(1), erase, deletes: Vec::new(), puts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    #[wasm_bindgen_test]
    async fn every_check_passes_in_this_browser_and_leaves_no_store_behind() {
        let mut findings = Vec::new();
        self_test(|finding| findings.push((finding.check, finding.verdict))).await;
        assert_eq!(findings, checks().map(|check| (check, Verdict::Passed)).collect::<Vec<_>>());
    }

    #[wasm_bindgen_test]
    async fn a_store_that_cannot_be_written_is_noticed() {
        let name = "sotto-self-test-superseded";
        let older = Database::open(name, |_| ()).await.expect("a store");
        let _newer = Database::open(name, |_| ()).await.expect("a store");
        assert!(older.write(&batch(Erase::Everything, Vec::new())).await.is_err());
        assert_eq!(written_and_erased(name).await, Some(()), "who comes last may write");
    }
}
