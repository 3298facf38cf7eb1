//! What the local store promises, shown in a real browser: order, atomicity, sealing, and one writer.

use super::*;
use sotto_core::contract::{BatchKey, Place};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The name of a store that no other test uses.
pub(crate) fn fresh_name() -> String {
    let random: [u8; 8] = crate::random::bytes().expect("browsers have random numbers");
    format!("test-{:016x}", u64::from_be_bytes(random))
}

pub(crate) async fn opened(name: &str) -> Database {
    Database::open(name, |_| {}).await.expect("a fresh name can be opened")
}

pub(crate) fn place(table: Table, row: &[u8]) -> Place {
    Place { table, row: row.to_vec() }
}

pub(crate) fn record(table: Table, row: &[u8], value: &str) -> Record {
    Record { place: place(table, row), value: value.as_bytes().to_vec().into() }
}

pub(crate) fn puts(key: u64, puts: Vec<Record>) -> Batch {
    Batch { key: BatchKey(key), erase: Erase::Nothing, deletes: Vec::new(), puts }
}

/// Says that the newest writer is the one that took over at this number.
pub(crate) async fn put_generation(database: &Database, generation: f64) {
    let transaction = database.begin(BTreeSet::new(), Purpose::Write).expect("begun");
    let own = transaction.store(OWN).expect("there");
    let put = transaction.put(&own, &JsValue::from_f64(generation), &JsValue::from_str(GENERATION));
    assert_eq!(transaction.end(put).await, Ok(()));
}

async fn written(database: &Database, records: &[Record]) {
    assert_eq!(database.write(&puts(0, records.to_vec())).await, Ok(()));
}

async fn all(database: &Database) -> Vec<Record> {
    database.read(&Wanted::Tables(Table::ALL.to_vec())).await.expect("all records open")
}

/// The value at a place as it stands in the database.
async fn raw(database: &Database, place: &Place) -> Option<JsValue> {
    let transaction = database.begin(BTreeSet::from([place.table]), Purpose::Read).expect("begun");
    read::value(transaction.store(place.table.name()).expect("there").get(row(&place.row))).await.expect("read")
}

/// Puts a value at a place past the seal.
async fn put_raw(database: &Database, place: &Place, value: &JsValue) {
    let transaction = database.begin(BTreeSet::from([place.table]), Purpose::Write).expect("begun");
    let store = transaction.store(place.table.name()).expect("there");
    let put = transaction.put(&store, value, &row(&place.row));
    assert_eq!(transaction.end(put).await, Ok(()));
}

#[wasm_bindgen_test]
async fn places_come_in_the_order_asked_for_without_the_absent() {
    let database = opened(&fresh_name()).await;
    let (one, two) = (record(Table::Contact, b"1", "one"), record(Table::Account, b"2", "two"));
    written(&database, &[one.clone(), two.clone()]).await;
    let asked = vec![two.place.clone(), place(Table::Contact, b"absent"), one.place.clone()];
    assert_eq!(database.read(&Wanted::Places(asked)).await, Ok(vec![two, one]));
}

#[wasm_bindgen_test]
async fn tables_come_whole_and_ascending_by_the_bytes_of_rows() {
    let database = opened(&fresh_name()).await;
    let rows: [&[u8]; 5] = [&[0], &[0, 0], &[0, 1], &[0x7f, 0xff], &[0xff]];
    let ascending: Vec<_> = rows.iter().map(|row| record(Table::Outbox, row, "value")).collect();
    let shuffled: Vec<_> = [3, 0, 4, 2, 1].iter().map(|at: &usize| ascending[*at].clone()).collect();
    written(&database, &shuffled).await;
    let other = record(Table::Group, b"other", "");
    written(&database, std::slice::from_ref(&other)).await;
    let both = [vec![other], ascending].concat();
    assert_eq!(database.read(&Wanted::Tables(vec![Table::Group, Table::Outbox])).await, Ok(both));
    assert_eq!(database.read(&Wanted::Tables(vec![Table::Contact])).await, Ok(Vec::new()));
}

#[wasm_bindgen_test]
async fn newest_come_from_the_highest_row_of_the_prefix_down() {
    let database = opened(&fresh_name()).await;
    let rows: [&[u8]; 7] = [b"a9", b"b0", b"b1", b"b2", b"b3", b"c0", &[0xff, 0xff, 1]];
    written(&database, &rows.map(|row| record(Table::Message, row, "value"))).await;
    let newest = async |prefix: &[u8], below: Option<&[u8]>, limit| {
        let (prefix, below) = (prefix.to_vec(), below.map(<[u8]>::to_vec));
        let wanted = Wanted::Newest { table: Table::Message, prefix, below, limit };
        let records = database.read(&wanted).await.expect("all records open");
        records.into_iter().map(|record| record.place.row).collect::<Vec<_>>()
    };
    assert_eq!(newest(b"b", None, 2).await, [b"b3", b"b2"]);
    assert_eq!(newest(b"b", None, 1).await, [b"b3"]);
    assert_eq!(newest(b"b", None, 4).await, [b"b3", b"b2", b"b1", b"b0"]);
    assert_eq!(newest(b"b", None, 50).await, [b"b3", b"b2", b"b1", b"b0"]);
    assert_eq!(newest(b"b", Some(b"b2"), 50).await, [b"b1", b"b0"]);
    assert_eq!(newest(b"b", Some(b"b2"), 1).await, [b"b1"]);
    assert_eq!(newest(b"b", Some(b"z"), 1).await, [b"b3"]);
    assert_eq!(newest(b"", None, 2).await, [[0xff, 0xff, 1].as_slice(), b"c0"]);
    assert_eq!(newest(&[0xff, 0xff], None, 2).await, [[0xff, 0xff, 1]]);
    let nothing = [newest(b"b", Some(b"b0"), 9).await, newest(b"b", Some(b"a"), 9).await, newest(b"d", None, 9).await];
    assert_eq!(nothing.concat(), Vec::<Vec<u8>>::new());
    assert_eq!(newest(b"b", None, 0).await, Vec::<Vec<u8>>::new());
}

#[wasm_bindgen_test]
async fn records_survive_closing() {
    let name = fresh_name();
    let records = vec![record(Table::Account, b"me", ""), record(Table::Message, b"1", &"long ".repeat(20_000))];
    written(&opened(&name).await, &records).await;
    assert_eq!(all(&opened(&name).await).await, records);
}

#[wasm_bindgen_test]
async fn a_batch_deletes_before_it_puts() {
    let database = opened(&fresh_name()).await;
    written(&database, &[record(Table::Group, b"1", "old"), record(Table::Group, b"2", "old")]).await;
    let new = record(Table::Group, b"1", "new");
    let deletes = vec![new.place.clone(), place(Table::Group, b"2"), place(Table::Group, b"absent")];
    let batch = Batch { key: BatchKey(2), erase: Erase::Nothing, deletes, puts: vec![new.clone()] };
    assert_eq!(database.write(&batch).await, Ok(()));
    assert_eq!(all(&database).await, [new]);
}

#[wasm_bindgen_test]
async fn a_transaction_that_is_undone_leaves_nothing() {
    let database = opened(&fresh_name()).await;
    let before = record(Table::Group, b"1", "before");
    written(&database, std::slice::from_ref(&before)).await;
    let batch = Batch {
        key: BatchKey(2),
        erase: Erase::Everything,
        deletes: vec![before.place.clone()],
        puts: vec![record(Table::Group, b"1", "after"), record(Table::Message, b"2", "after")],
    };
    let key = SealingKey::generate().await.expect("web crypto is there");
    let sealed = key.seal(&batch.puts).await.expect("sealed");
    let transaction = database.begin(Table::ALL.iter().copied().collect(), Purpose::Write).expect("begun");
    assert_eq!(database.fill(&transaction, &batch, &key, &sealed).await, Ok(()));
    assert_eq!(transaction.end(Err(StoreFailure::Full)).await, Err(StoreFailure::Broken));
    assert_eq!(all(&database).await, [before]);
    written(&database, &batch.puts).await;
    assert_eq!(all(&database).await.len(), 2);
}

#[wasm_bindgen_test]
async fn an_older_writer_is_refused_and_writes_nothing() {
    let name = fresh_name();
    let older = opened(&name).await;
    written(&older, &[record(Table::Group, b"1", "older")]).await;
    let newer = opened(&name).await;
    let refused = puts(2, vec![record(Table::Group, b"1", "refused"), record(Table::Message, b"2", "refused")]);
    assert_eq!(older.write(&refused).await, Err(StoreFailure::Superseded));
    assert_eq!(older.write(&refused).await, Err(StoreFailure::Superseded));
    let erasing = Batch { erase: Erase::Everything, ..puts(3, Vec::new()) };
    assert_eq!(older.write(&erasing).await, Err(StoreFailure::Superseded));
    let kept = record(Table::Message, b"3", "newer");
    written(&newer, std::slice::from_ref(&kept)).await;
    assert_eq!(all(&newer).await, [kept, record(Table::Group, b"1", "older")]);
}

#[wasm_bindgen_test]
async fn erasing_replaces_the_key_and_leaves_only_what_the_batch_puts() {
    let name = fresh_name();
    let database = opened(&name).await;
    let (old, new) = (record(Table::Account, b"old", "old"), record(Table::Contact, b"new", "new"));
    written(&database, std::slice::from_ref(&old)).await;
    let sealed_before = raw(&database, &old.place).await.expect("there");
    let batch = Batch { erase: Erase::Everything, ..puts(2, vec![new.clone()]) };
    assert_eq!(database.write(&batch).await, Ok(()));
    assert_eq!(all(&database).await, std::slice::from_ref(&new));
    drop(database);
    let database = opened(&name).await;
    assert_eq!(all(&database).await, [new]);
    put_raw(&database, &old.place, &sealed_before).await;
    let again = database.read(&Wanted::Places(vec![old.place])).await;
    assert_eq!(again, Err(ReadError::Seal(SealError::NotAuthentic)));
}

#[wasm_bindgen_test]
async fn the_database_holds_no_plaintext_and_no_key_that_can_be_read() {
    const CANARY: &str = "canary-5b1f0c";
    let database = opened(&fresh_name()).await;
    let holds = |value: &JsValue| {
        let bytes = value.dyn_ref::<Uint8Array>().expect("values are bytes").to_vec();
        bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
    };
    for table in Table::ALL {
        let record = record(*table, b"row", &format!("before {CANARY} after"));
        written(&database, std::slice::from_ref(&record)).await;
        let value = raw(&database, &record.place).await.expect("there");
        assert!(!holds(&value), "{table:?} holds plaintext");
        // The search finds it where it is.
        put_raw(&database, &record.place, &Uint8Array::from(record.value.as_ref())).await;
        assert!(holds(&raw(&database, &record.place).await.expect("there")));
    }
    let transaction = database.begin(BTreeSet::new(), Purpose::Read).expect("begun");
    let own = transaction.store(OWN).expect("there");
    let key = read::value(own.get(JsValue::from_str(KEY))).await.expect("read").expect("there");
    let key: web_sys::CryptoKey = key.dyn_into().expect("a key");
    assert!(!key.extractable());
    let subtle = web_sys::window().expect("a page").crypto().expect("there").subtle();
    assert!(JsFuture::from(subtle.export_key("raw", &key).expect("asked")).await.is_err());
}

#[wasm_bindgen_test]
async fn a_record_that_was_moved_or_changed_does_not_open() {
    let database = opened(&fresh_name()).await;
    let record = record(Table::Account, b"row", "value");
    written(&database, std::slice::from_ref(&record)).await;
    let sealed: Uint8Array = raw(&database, &record.place).await.expect("there").dyn_into().expect("bytes");
    let mut forged: Vec<(Place, Uint8Array)> = (0..sealed.length())
        .map(|at| {
            let changed = Uint8Array::new(&sealed);
            changed.set_index(at, sealed.get_index(at) ^ 1);
            (record.place.clone(), changed)
        })
        .collect();
    forged.push((place(Table::Account, b"rov"), sealed.clone()));
    forged.push((place(Table::Contact, b"row"), sealed.clone()));
    forged.push((record.place.clone(), sealed.subarray(0, sealed.length() - 1)));
    forged.push((record.place.clone(), sealed.subarray(0, 5)));
    for (place, value) in forged {
        put_raw(&database, &place, &value).await;
        let read = database.read(&Wanted::Places(vec![place])).await;
        assert_eq!(read, Err(ReadError::Seal(SealError::NotAuthentic)));
    }
    put_raw(&database, &record.place, &sealed).await;
    assert_eq!(database.read(&Wanted::Places(vec![record.place.clone()])).await, Ok(vec![record]));
}

#[wasm_bindgen_test]
async fn the_same_value_is_never_sealed_alike() {
    let key = SealingKey::generate().await.expect("web crypto is there");
    let record = record(Table::Account, b"row", "value");
    let sealed = key.seal(&[record.clone(), record.clone()]).await.expect("sealed");
    assert_ne!(sealed[0].to_vec(), sealed[1].to_vec());
    let places = sealed.into_iter().map(|sealed| (record.place.clone(), sealed)).collect();
    assert_eq!(key.open(places).await, Ok(vec![record.clone(), record]));
}

#[wasm_bindgen_test]
async fn a_store_that_is_deleted_while_open_says_so() {
    let name = fresh_name();
    let told = Rc::new(RefCell::new(Vec::new()));
    let database = Database::open(&name, {
        let told = Rc::clone(&told);
        move |failure| told.borrow_mut().push(failure)
    });
    let database = database.await.expect("opened");
    Factory::new().expect("there").delete(&name).expect("asked").await.expect("deleted");
    assert_eq!(*told.borrow(), [StoreFailure::Deleted]);
    assert_eq!(database.write(&puts(1, Vec::new())).await, Err(StoreFailure::Deleted));
    let read = database.read(&Wanted::Tables(Vec::new())).await;
    assert_eq!(read, Err(ReadError::Store(StoreFailure::Deleted)));
}
