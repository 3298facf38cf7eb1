//! Behaviour of the encoding.

use super::*;
use proptest::prelude::*;
use sotto_wire::{ClientId, DeviceId, UserId};

const SHOWN: UnknownContent = UnknownContent { visibility: Visibility::Shown };

fn text(text: &str) -> Content {
    Content::Text(Text { sequence: 3, after: 2, text: text.to_owned(), ..Text::default() })
}

#[test]
fn a_later_versions_extra_fields_are_skipped() {
    let bytes = [&[VERSION], br#"{"sequence":3,"after":2,"text":"hi","colour":"red"}"#.as_slice()].concat();
    assert_eq!(Content::decode(TEXT, &bytes), Ok(text("hi")));
}

#[test]
fn another_version_or_kind_is_unknown_and_says_whether_it_is_shown() {
    let bytes = text("hi").encode();
    assert_eq!(Content::decode(0x7F, &bytes), Err(SHOWN));
    assert_eq!(Content::decode(0xF0, &bytes), Err(UnknownContent { visibility: Visibility::Quiet }));
    assert_eq!(Content::decode(TEXT, &[&[VERSION + 1], &bytes[1..]].concat()), Err(SHOWN));
}

#[test]
fn a_text_that_is_blank_or_too_long_is_refused() {
    assert_eq!(Content::decode(TEXT, &text(" \n\t").encode()), Err(SHOWN));
    assert_eq!(Content::decode(TEXT, &text(&"x".repeat(limit::TEXT_MAX_BYTES + 1)).encode()), Err(SHOWN));
    let longest = text(&"x".repeat(limit::TEXT_MAX_BYTES));
    assert_eq!(Content::decode(TEXT, &longest.encode()), Ok(longest));
}

#[test]
fn one_kind_never_passes_for_another() {
    let profile = Content::Profile(Profile { display_name: "Zoë".to_owned() });
    assert_eq!(Content::decode(TEXT, &profile.encode()), Err(SHOWN));
}

fn message() -> MessageRef {
    let sender = DeviceRef { user: UserId([3; 16]), device: DeviceId([4; 16]) };
    MessageRef { sender, client_id: ClientId([5; 16]) }
}

#[test]
fn one_emoji_is_a_reaction_and_nothing_else_is() {
    for emoji in ["👍", "👍🏽", "❤️", "🇩🇪", "👨‍👩‍👧‍👦", "1️⃣", "🏴\u{E0067}\u{E0062}\u{E007F}", "‼️", "🏳️‍🌈"]
    {
        assert!(is_emoji(emoji), "{emoji}");
    }
    for text in ["", "a", "1", "👍👍", "🇩", "🇩🇪🇫🇷", "👍 ", "\u{202E}", "é", "👨\u{200D}", "👍a", "<b>", "\u{FE0F}"]
    {
        assert!(!is_emoji(text), "{text:?}");
    }
    assert!(!is_emoji(&format!("👍🏽{}", "\u{FE0F}".repeat(20))));
}

#[test]
fn mentions_are_places_in_the_text_in_order() {
    let mention = |start, end| Mention { user: UserId([1; 16]), start, end };
    let keeps = |mentions: Vec<Mention>| {
        let content = Content::Text(Text { text: "é ab".to_owned(), mentions, ..Text::default() });
        Content::decode(TEXT, &content.encode()) == Ok(content)
    };
    assert!(keeps(vec![mention(0, 2), mention(3, 5)]));
    for mentions in [vec![mention(1, 2)], vec![mention(3, 6)], vec![mention(3, 3)], vec![mention(3, 5), mention(0, 2)]]
    {
        assert!(!keeps(mentions.clone()), "{mentions:?}");
    }
    assert!(!are_mentions(&"a".repeat(200), &(0..65).map(|at| mention(at, at + 1)).collect::<Vec<_>>()));
}

#[test]
fn an_excerpt_that_is_too_long_is_refused() {
    let with = |count| {
        let reply = Some(Quote { of: message(), excerpt: "é".repeat(count) });
        Content::Text(Text { text: "x".to_owned(), reply, ..Text::default() })
    };
    let longest = with(EXCERPT_MAX_CHARS);
    assert_eq!(Content::decode(TEXT, &longest.encode()), Ok(longest));
    assert_eq!(Content::decode(TEXT, &with(EXCERPT_MAX_CHARS + 1).encode()), Err(SHOWN));
}

fn contents() -> impl Strategy<Value = Content> {
    let of = DeviceRef { user: UserId([1; 16]), device: DeviceId([2; 16]) };
    prop_oneof![
        (any::<u64>(), "\\PC{0,40}x\\PC{0,40}").prop_map(|(sequence, text)| Content::Text(Text {
            sequence,
            after: sequence / 2,
            text,
            ..Text::default()
        })),
        "\\PC{0,20}".prop_map(|display_name| Content::Profile(Profile { display_name })),
        (any::<u64>(), any::<u64>()).prop_map(move |(delivered, read)| Content::Receipt(Receipt {
            of,
            delivered,
            read,
            missing: vec![Missing { first: read, last: delivered }],
        })),
        ("\\PC{0,160}", "a\\PC{0,40}").prop_map(|(excerpt, text)| {
            let mentions = vec![Mention { user: UserId([7; 16]), start: 0, end: 1 }];
            let reply = Some(Quote { of: message(), excerpt });
            Content::Text(Text { text, reply, mentions, origin: Origin::Forwarded, ..Text::default() })
        }),
        "x\\PC{0,40}".prop_map(|text| Content::Edit(Edit { of: message(), text, mentions: Vec::new() })),
        Just(Content::Delete(Delete { of: message() })),
        Just(Content::Reaction(Reaction { of: message(), emoji: Some("👍🏽".to_owned()) })),
        Just(Content::Reaction(Reaction { of: message(), emoji: None })),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(content in contents()) {
        prop_assert_eq!(Content::decode(content.kind(), &content.encode()), Ok(content));
    }

    #[test]
    fn any_bytes_are_decoded_or_unknown(kind in any::<u8>(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(content) = Content::decode(kind, &bytes) {
            prop_assert_eq!(content.kind(), kind);
        }
    }

    #[test]
    fn a_damaged_content_never_breaks_the_rules(content in contents(), at in any::<usize>(), to in any::<u8>()) {
        let mut bytes = content.encode();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(decoded) = Content::decode(content.kind(), &bytes) {
            prop_assert!(decoded.keeps_rules());
        }
    }
}
