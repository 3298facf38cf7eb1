//! The content of a sealed message, whose sender may be hostile: no bytes panic, and what is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sotto_core::content::Content;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    if let Ok(content) = Content::decode(kind, bytes) {
        assert_eq!(content.kind(), kind);
        assert_eq!(Content::decode(content.kind(), &content.encode()), Ok(content));
    }
});
