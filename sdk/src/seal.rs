//! Sealing at rest (E7): every value of the local store by AES-256-GCM (NIST SP 800-38D) of WebCrypto, under a key that
//! this origin can use but nobody can read out. Owns the layout of a sealed value; where it is kept is `database`'s.
//!
//! A sealed value is `1 || nonce (12 bytes) || ciphertext || tag (16 bytes)`, and is bound to its place: the additional
//! data is `table || 0 || row`, so that records cannot be exchanged. The nonce is random, which is safe for 2³² values
//! under one key (SP 800-38D §8.3); a device writes some millions in its life.

use js_sys::{Array, ArrayBuffer, Promise, Uint8Array};
use sotto_core::contract::{Place, Record};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AesGcmParams, AesKeyGenParams, CryptoKey, SubtleCrypto};

const ALGORITHM: &str = "AES-GCM";
const KEY_BITS: u16 = 256;
const LAYOUT: u8 = 1;
const NONCE_BYTES: usize = 12;
const HEAD_BYTES: usize = 1 + NONCE_BYTES;
/// Records that are sealed or opened at once: the page has its turn between two lots. One costs a slow phone 0.2 ms.
const AT_ONCE: usize = 32;

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// WebCrypto or the random source refused.
    #[error("seal a record")]
    NotSealed,
    /// A value was changed, moved, or sealed under another key.
    #[error("open a sealed record: not authentic")]
    NotAuthentic,
}

/// A key that seals and opens. Not extractable: only this origin's scripts can use it, and none can read it.
pub(crate) struct SealingKey {
    key: CryptoKey,
    subtle: SubtleCrypto,
}

impl SealingKey {
    /// A fresh one.
    pub(crate) async fn generate() -> Result<Self, SealError> {
        let subtle = subtle()?;
        let usages = Array::of2(&JsValue::from_str("encrypt"), &JsValue::from_str("decrypt"));
        let algorithm = AesKeyGenParams::new(ALGORITHM, KEY_BITS);
        let key = subtle.generate_key_with_object(&algorithm, false, &usages).map_err(|_| SealError::NotSealed)?;
        let key = JsFuture::from(key).await.map_err(|_| SealError::NotSealed)?;
        Self::new(key)
    }

    /// The one that was kept as `key`.
    pub(crate) fn new(key: JsValue) -> Result<Self, SealError> {
        let key = key.dyn_into().map_err(|_| SealError::NotSealed)?;
        Ok(Self { key, subtle: subtle()? })
    }

    /// The key, to be kept.
    pub(crate) fn as_js(&self) -> &JsValue {
        self.key.as_ref()
    }

    /// Seals the values of `records`, in their order.
    pub(crate) async fn seal(&self, records: &[Record]) -> Result<Vec<Uint8Array>, SealError> {
        let mut sealed = Vec::with_capacity(records.len());
        for some in records.chunks(AT_ONCE) {
            sealed.extend(self.seal_some(some).await?);
        }
        Ok(sealed)
    }

    async fn seal_some(&self, records: &[Record]) -> Result<Vec<Uint8Array>, SealError> {
        let mut heads = Vec::with_capacity(records.len());
        let sealing = Array::new();
        for record in records {
            let nonce = crate::random::bytes::<NONCE_BYTES>().ok_or(SealError::NotSealed)?;
            let parameters = parameters(&Uint8Array::from(nonce.as_slice()), &record.place);
            let sealed = self.subtle.encrypt_with_object_and_u8_array(&parameters, &self.key, &record.value);
            sealing.push(&sealed.map_err(|_| SealError::NotSealed)?.into());
            heads.push(nonce);
        }
        let sealed = all(&sealing).await.ok_or(SealError::NotSealed)?;
        let whole = |(nonce, sealed): ([u8; NONCE_BYTES], Uint8Array)| {
            let whole = Uint8Array::new_with_length(sealed.length() + HEAD_BYTES as u32);
            whole.set_index(0, LAYOUT);
            whole.set(&Uint8Array::from(nonce.as_slice()), 1);
            whole.set(&sealed, HEAD_BYTES as u32);
            whole
        };
        Ok(heads.into_iter().zip(sealed).map(whole).collect())
    }

    /// Opens what was sealed for these places, in their order.
    pub(crate) async fn open(&self, sealed: Vec<(Place, Uint8Array)>) -> Result<Vec<Record>, SealError> {
        let mut records = Vec::with_capacity(sealed.len());
        let mut sealed = sealed.into_iter();
        while sealed.len() > 0 {
            records.extend(self.open_some(sealed.by_ref().take(AT_ONCE).collect()).await?);
        }
        Ok(records)
    }

    async fn open_some(&self, sealed: Vec<(Place, Uint8Array)>) -> Result<Vec<Record>, SealError> {
        let opening = Array::new();
        for (place, sealed) in &sealed {
            if sealed.length() < HEAD_BYTES as u32 || sealed.get_index(0) != LAYOUT {
                return Err(SealError::NotAuthentic);
            }
            let parameters = parameters(&sealed.subarray(1, HEAD_BYTES as u32), place);
            let body = sealed.subarray(HEAD_BYTES as u32, sealed.length());
            let opened = self.subtle.decrypt_with_object_and_js_u8_array(&parameters, &self.key, &body);
            opening.push(&opened.map_err(|_| SealError::NotAuthentic)?.into());
        }
        let opened = all(&opening).await.ok_or(SealError::NotAuthentic)?;
        let record =
            |((place, _), value): ((Place, Uint8Array), Uint8Array)| Record { place, value: value.to_vec().into() };
        Ok(sealed.into_iter().zip(opened).map(record).collect())
    }
}

fn subtle() -> Result<SubtleCrypto, SealError> {
    let window = web_sys::window().ok_or(SealError::NotSealed)?;
    Ok(window.crypto().map_err(|_| SealError::NotSealed)?.subtle())
}

fn parameters(nonce: &Uint8Array, place: &Place) -> AesGcmParams {
    let bound = [place.table.name().as_bytes(), &[0], &place.row].concat();
    let parameters = AesGcmParams::new_with_u8_array(ALGORITHM, nonce);
    parameters.set_additional_data_u8_array(&Uint8Array::from(bound.as_slice()));
    parameters
}

/// The buffers that these promises give; `None` when one is rejected. One wait for all: a wait for each would cost a
/// turn of the executor a record.
async fn all(promises: &Array) -> Option<Vec<Uint8Array>> {
    let settled = JsFuture::from(Promise::all(promises)).await.ok()?;
    let bytes = |buffer: JsValue| buffer.dyn_into::<ArrayBuffer>().ok().map(|buffer| Uint8Array::new(&buffer));
    settled.dyn_into::<Array>().ok()?.iter().map(bytes).collect()
}
