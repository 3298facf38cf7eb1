//! Asks the browser to keep this origin's storage (`navigator.storage.persist()`), so that it is not evicted under
//! storage pressure. Asked once there is something to lose; the answer changes nothing.

use wasm_bindgen_futures::{JsFuture, spawn_local};

/// Asks, where it can be asked.
pub(crate) fn ask() {
    let Some(window) = web_sys::window() else { return };
    let storage = window.navigator().storage();
    // Absent outside secure contexts, where Sotto does not run.
    if let Ok(asked) = storage.persist() {
        spawn_local(async {
            // Whether it was granted is the browser's affair: without it the store is "best effort".
            let _ = JsFuture::from(asked).await;
        });
    }
}
