//! What holds for every value: texts of ids and times read back, and no bytes make a decoder panic.

use proptest::prelude::*;
use sotto_wire::account::Name;
use sotto_wire::event::Event;
use sotto_wire::message::SendMessage;
use sotto_wire::{Base64, ConversationId, Cursor, DeviceRef, Millis, Timestamp, envelope};

proptest! {
    #[test]
    fn an_id_reads_back(bytes: [u8; 16]) {
        let id = ConversationId(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_has_one_spelling(text in "[A-Za-z0-9_-]{22}") {
        if let Ok(id) = text.parse::<ConversationId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn a_time_reads_back(ms in 0..=253_402_300_799_999_u64) {
        let at = Timestamp(Millis(ms));
        prop_assert_eq!(Timestamp::parse(&at.to_string()), Some(at));
    }

    #[test]
    fn a_time_is_read_only_when_it_is_one(
        text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,5})?(Z|\\+00:00|)"
    ) {
        if let Some(at) = Timestamp::parse(&text) {
            prop_assert_eq!(&at.to_string()[..10], &text[..10]);
            prop_assert_eq!(&at.to_string()[11..16], &text[11..16]);
        }
    }

    #[test]
    fn no_text_makes_the_reading_of_a_time_panic(text in "[0-9TZ:.+ä-]{0,30}") {
        let _ = Timestamp::parse(&text);
    }

    #[test]
    fn base64_reads_back(bytes: Vec<u8>) {
        let field = Base64(bytes);
        let json = serde_json::to_string(&field).expect("base64 is JSON");
        prop_assert_eq!(serde_json::from_str::<Base64>(&json).ok(), Some(field));
    }

    #[test]
    fn a_credential_names_its_device(bytes: [u8; 32]) {
        let device = DeviceRef::from_credential(&bytes).expect("32 bytes are a credential");
        prop_assert_eq!(device.to_credential(), bytes);
    }

    #[test]
    fn a_name_is_what_it_was_read_from_in_lower_case(text in " ?[A-Za-z0-9._-]{0,34}[äÄ]? ?") {
        if let Some(name) = Name::new(&text) {
            prop_assert_eq!(name.as_str(), text.trim().to_ascii_lowercase());
            prop_assert_eq!(Name::new(name.as_str()), Some(name));
        }
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
        let _ = envelope::response::<SendMessage>(&bytes);
        let _ = Event::from_frame(&bytes);
    }

    #[cfg(feature = "cbor")]
    #[test]
    fn no_bytes_make_the_binary_codec_panic(bytes: Vec<u8>, depth in 0_usize..5_000, opener in prop_oneof![
        Just(0x81_u8), Just(0x9f), Just(0xa1), Just(0xbf), Just(0xc1), Just(0x5f), Just(0x7f)
    ]) {
        use sotto_wire::{cbor, message::SendMessageRequest};
        let deep = [vec![opener; depth], bytes].concat();
        let _ = cbor::open(&deep);
        let _ = cbor::payload::<SendMessageRequest>(&deep);
    }

    #[test]
    fn a_cut_frame_is_refused(cut in 0..200_usize) {
        let frame = br#"{"type":"heartbeat","payload":{"server_time":1},"timestamp":"2026-11-20T00:00:00.000Z"}"#;
        prop_assume!(cut < frame.len());
        prop_assert!(Event::from_frame(&frame[..cut]).is_err());
    }

    #[test]
    fn a_cursor_is_never_empty_long_or_invisible(text in "[!-~]{0,80}[ ä\u{7f}]?") {
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        prop_assert_eq!(Cursor::new(text).is_some(), fits);
    }
}

#[test]
fn known_times_read_and_write() {
    for (text, ms) in [
        ("1970-01-01T00:00:00.000Z", 0),
        ("2000-02-29T12:34:56.789Z", 951_827_696_789),
        ("2026-11-20T09:43:45.123Z", 1_795_167_825_123),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ] {
        assert_eq!(Timestamp::parse(text), Some(Timestamp(Millis(ms))), "{text}");
        assert_eq!(Timestamp(Millis(ms)).to_string(), text);
    }
    for text in [
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T09:43:45+01:00",
        "2026-11-20",
        "",
    ] {
        assert_eq!(Timestamp::parse(text), None, "{text}");
    }
}

#[test]
fn a_page_of_a_captive_portal_is_no_answer() {
    let problem = envelope::response::<SendMessage>(b"<html>Welcome to the hotel</html>");
    assert_eq!(problem.err().map(|p| p.code), Some(sotto_wire::Code::NotSotto));
}
