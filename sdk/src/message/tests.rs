//! What a tab says is what another hears, and what is none of it says nothing.

use super::*;
use crate::timeline::tests::{HERE, item};
use wasm_bindgen_test::wasm_bindgen_test;
use zeroize::Zeroizing;

const ME: ViewerKey = ViewerKey(7);
const HELLO: MessageKey = MessageKey {
    conversation: HERE,
    sender: DeviceRef { user: UserId([1; 16]), device: DeviceId([2; 16]) },
    client_id: ClientId([3; 16]),
};

fn command(command: Command) -> Message {
    Message::Follower(FromFollower::Command { from: ME, lead: LeadKey(u64::MAX), number: 3, command })
}

#[wasm_bindgen_test]
fn what_is_said_is_what_is_heard() {
    let person = Person { user: UserId([1; 16]), name: Name::new("ben").expect("a name"), display_name: "Bén".into() };
    let last = LastMessage {
        author: Author::Other(UserId([1; 16])),
        what: LastWhat::Text,
        text: "hello".into(),
        at: Millis(5),
        state: MessageState::Failed(Code::NotAMember),
    };
    let conversation = Conversation {
        id: HERE,
        kind: ConversationKind::Direct(person.clone()),
        last: Some(last),
        unread: 9,
        mentions: 2,
        active_at: Millis(6),
        typing: vec![UserId([2; 16])],
        standing: Standing::Removed(Some(UserId([2; 16]))),
    };
    let group = GroupView {
        name: "Kites".into(),
        description: String::new(),
        picture: Some(vec![1, 2].into()),
        people: vec![Participant { person, role: Role::Admin }],
        count: 1,
        role: Role::Owner,
    };
    let group = Conversation { kind: ConversationKind::Group(Box::new(group)), ..conversation.clone() };
    let (progress, round_trip) = (Progress::CaughtUp, Some(Millis(12)));
    let online = Connection::Online { transport: Transport::Sse, progress, since: Millis(1), round_trip };
    let last_seen = Some(Millis(60_000));
    let away = PersonPresence { user: UserId([2; 16]), presence: Presence::Offline, last_seen };
    let privacy = Privacy { read_receipts: Sharing::Kept, presence: Audience::Nobody, status: Status::Busy };
    let note = Item { body: Body::Note(Note::Added(vec![UserId([3; 16])])), ..item(HERE, 3, 3) };
    let mention = Mention { user: UserId([1; 16]), start: 0, end: 2 };
    let quote =
        QuoteView { message: HELLO, author: Author::Me, excerpt: "hel".into(), standing: QuoteStanding::Elsewhere };
    let who = vec![UserId([1; 16])];
    let rich = Item {
        reply: Some(Box::new(quote)),
        edited_at: Some(Millis(9)),
        reactions: vec![ReactionCount { emoji: "👍".into(), count: 1, mine: true, who }],
        mentions: vec![mention],
        forwarded: true,
        ..item(HERE, 3, 3)
    };
    let answer = Outgoing {
        reply: Some(ReplyTo { message: HELLO, excerpt: "hel".into() }),
        mentions: vec![mention],
        origin: Origin::Forwarded,
        ..Outgoing::text("hi")
    };
    let items = vec![
        note,
        rich,
        Item { body: Body::Deleted, ..item(HERE, 4, 4) },
        item(HERE, 1, 1),
        Item { body: Body::JoinedHere, ..item(HERE, 2, u64::MAX) },
    ];
    let told = vec![
        Told::Place(Place::Failed(StoreFailure::Full)),
        Told::Changed(Change::Session(Session::SignedOut(Some(SignedOutCause::StoreUnreadable)))),
        Told::Changed(Change::Connection(online)),
        Told::Changed(Change::Conversations(vec![conversation, group])),
        Told::Changed(Change::Timeline(ME, TimelineChange::Opened { conversation: HERE, items, older: Older::More })),
        Told::Changed(Change::Presence(vec![away])),
        Told::Changed(Change::Privacy(privacy)),
        Told::Changed(Change::TakenBack { message: HELLO, code: Code::Internal }),
        Told::Notify(HERE),
    ];
    let said = [
        Message::Lead(FromLead::Welcome { to: ME, lead: LeadKey(1), number: 2, told }),
        Message::Lead(FromLead::Answer { to: ME, number: 1, result: Err(Failure::Refused(Code::Unreachable)) }),
        Message::Lead(FromLead::Answer { to: ME, number: 2, result: Ok(Reply::Conversation(HERE)) }),
        Message::Follower(FromFollower::Hello { from: ME, open: None }),
        Message::Follower(FromFollower::Looks { from: ME, visibility: Visibility::Hidden }),
        command(Command::SetPrivacy(privacy)),
        command(Command::CreateGroup { name: "Kites".into(), people: vec!["ben".into()] }),
        command(Command::AddPeople { conversation: HERE, people: vec!["ben".into()] }),
        command(Command::RemovePerson { conversation: HERE, user: UserId([5; 16]) }),
        command(Command::SetRole { conversation: HERE, user: UserId([5; 16]), role: Role::Owner }),
        command(Command::SetGroup {
            conversation: HERE,
            name: None,
            description: Some("On Sundays".into()),
            picture: Some(None),
        }),
        command(Command::LeaveGroup(HERE)),
        command(Command::Send { conversation: HERE, message: answer, client_id: Some(ClientId([4; 16])) }),
        command(Command::Edit { message: HELLO, text: "now".into(), mentions: Vec::new() }),
        command(Command::DeleteForAll(HELLO)),
        command(Command::DeleteForMe(HELLO)),
        command(Command::React(HELLO, Some("👍".into()))),
    ];
    for message in said {
        assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message));
    }
}

#[wasm_bindgen_test]
fn bytes_that_were_cut_off_say_nothing() {
    let bytes = command(Command::SetDisplayName("Ada".into())).to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(Message::from_bytes(&bytes[..length]), Err(Unread::Foreign), "{length} bytes");
    }
    // A length that says more than there is.
    let mut long = bytes.clone();
    let at = long.len() - 7;
    long[at..at + 4].copy_from_slice(&[0xff; 4]);
    assert_eq!(Message::from_bytes(&long), Err(Unread::Foreign));
}

#[wasm_bindgen_test]
fn a_tab_of_another_version_is_known_as_one() {
    let readiness = Readiness::Ready;
    let mut bytes = Message::Lead(FromLead::Here { lead: LeadKey(1), readiness, number: 1 }).to_bytes();
    bytes[0] ^= 1;
    assert_eq!(Message::from_bytes(&bytes), Err(Unread::ForeignLead));
    let mut bytes = Message::Follower(FromFollower::Ask { from: ME }).to_bytes();
    bytes[0] ^= 1;
    assert_eq!(Message::from_bytes(&bytes), Err(Unread::ForeignFollower));
    bytes[8] = u8::MAX;
    assert_eq!(Message::from_bytes(&bytes), Err(Unread::Foreign));
}

#[wasm_bindgen_test]
fn a_password_has_no_form() {
    let password = Zeroizing::new("correct horse".to_owned());
    let secret = Command::SignIn { name: "ada".into(), password };
    assert!(!may_cross(&secret) && may_cross(&Command::SignOut));
    let bytes = command(secret).to_bytes();
    assert!(!bytes.windows(5).any(|part| part == b"horse"));
    assert_eq!(Message::from_bytes(&bytes), Err(Unread::Foreign));
}
