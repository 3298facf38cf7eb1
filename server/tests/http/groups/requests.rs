//! Message requests, blocks, and finding people: what one side does and the other gets to see.

use crate::client::{Person, Server, code_of};
use crate::room::{creation, direct, message, say};
use crate::stream::Socket;
use sotto_wire::conversation::{CreateConversation, LoadConversations, LoadConversationsRequest};
use sotto_wire::event::{Durable, Ephemeral, Event};
use sotto_wire::group::{AcceptConversation, AcceptConversationRequest};
use sotto_wire::message::SendMessage;
use sotto_wire::people::{
    Block, BlockRequest, BlocksLoaded, FindPeople, FindPeopleRequest, LoadBlocks, LoadBlocksRequest,
};
use sotto_wire::presence::{Attend, Attention, PresenceRequest};
use sotto_wire::typing::{TypingRequest, TypingStart};
use sotto_wire::{Code, ConversationId};

const HERE: PresenceRequest = PresenceRequest { attention: Attention::Here, status: None, audience: None };

async fn sees(server: &Server, who: &Person, other: &Person) -> bool {
    let noted = who.call::<Attend>(server, &HERE).await.expect("noted");
    noted.people.iter().any(|person| person.user == other.user)
}

async fn has_accepted(server: &Server, who: &Person) -> bool {
    let page = who.call::<LoadConversations>(server, &LoadConversationsRequest::default()).await.expect("loaded");
    page.conversations[0].accepted
}

/// What of typing a stream gets before the next message.
async fn typing_before_message(socket: &mut Socket) -> usize {
    let mut typing = 0;
    loop {
        match socket.event().await {
            Event::Ephemeral(Ephemeral::TypingUpdate(_)) => typing += 1,
            Event::Durable(Durable::MessageReceived(_)) => return typing,
            Event::Durable(_) | Event::Ephemeral(_) | Event::Unknown => {}
        }
    }
}

async fn types(server: &Server, who: &Person, conversation: ConversationId) {
    who.call::<TypingStart>(server, &TypingRequest { conversation }).await.expect("noted");
}

/// A direct conversation that only `one` has accepted.
async fn request(server: &Server, one: &Person, other: &Person) -> ConversationId {
    let created = one.call::<CreateConversation>(server, &creation(one, other)).await.expect("created");
    // Direct ones begin as accepted for now.
    sqlx::query("UPDATE party SET accepted = 0 WHERE account = $1")
        .bind(other.user.0.as_slice())
        .execute(&mut server.database().await)
        .await
        .expect("as if it were to be accepted");
    created.conversation
}

#[tokio::test]
async fn until_a_request_is_accepted_neither_is_shown_to_the_other() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let room = request(&server, &ada, &ben).await;
    let mut eyes = Socket::open((&server, &ben), None, &[]).await;
    assert!(has_accepted(&server, &ada).await && !has_accepted(&server, &ben).await);
    assert!(!sees(&server, &ada, &ben).await && !sees(&server, &ben, &ada).await);
    types(&server, &ada, room).await;
    say(&server, &ada, (room, "may i")).await;
    assert_eq!(typing_before_message(&mut eyes).await, 0);
    let accept = AcceptConversationRequest { conversation: room };
    for _ in 0..2 {
        ben.call::<AcceptConversation>(&server, &accept).await.expect("accepted, also said again");
    }
    assert!(has_accepted(&server, &ben).await);
    assert!(sees(&server, &ada, &ben).await && sees(&server, &ben, &ada).await);
    types(&server, &ada, room).await;
    say(&server, &ada, (room, "thanks")).await;
    assert_eq!(typing_before_message(&mut eyes).await, 1);
    let nowhere = AcceptConversationRequest { conversation: ConversationId([9; 16]) };
    assert_eq!(code_of(ben.call::<AcceptConversation>(&server, &nowhere).await), Some(Code::NotFound));
    let cam = Person::sign_up(&server, "cam").await;
    assert_eq!(code_of(cam.call::<AcceptConversation>(&server, &accept).await), Some(Code::NotAMember));
    server.stop().await;
}

#[tokio::test]
async fn who_writes_has_accepted() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let room = request(&server, &ada, &ben).await;
    assert!(!has_accepted(&server, &ben).await);
    say(&server, &ben, (room, "hello")).await;
    assert!(has_accepted(&server, &ben).await);
    assert!(sees(&server, &ada, &ben).await);
    server.stop().await;
}

#[tokio::test]
async fn who_is_blocked_reaches_nobody_until_they_are_blocked_no_more() {
    let server = Server::start().await;
    let (ada, ben) = (Person::sign_up(&server, "ada").await, Person::sign_up(&server, "ben").await);
    let cam = Person::sign_up(&server, "cam").await;
    let room = direct(&server, &ada, &ben).await;
    let early = message(room, "early");
    let sent = ben.call::<SendMessage>(&server, &early).await.expect("sent");
    for user in [ben.user, cam.user] {
        for _ in 0..2 {
            let block = BlockRequest { user, blocked: true };
            ada.call::<Block>(&server, &block).await.expect("blocked, also said again");
        }
    }
    let mut blocked = [ben.user, cam.user];
    blocked.sort();
    let loaded = ada.call::<LoadBlocks>(&server, &LoadBlocksRequest {}).await.expect("loaded");
    assert_eq!(loaded, BlocksLoaded { blocked: blocked.to_vec() });
    assert_eq!(code_of(ben.call::<SendMessage>(&server, &message(room, "hey")).await), Some(Code::NotAccepted));
    assert_eq!(ben.call::<SendMessage>(&server, &early).await.expect("the first answer"), sent, "P4");
    let create = creation(&cam, &ada);
    assert_eq!(code_of(cam.call::<CreateConversation>(&server, &create).await), Some(Code::NotAccepted));
    assert!(!sees(&server, &ada, &ben).await && !sees(&server, &ben, &ada).await);
    let mut eyes = Socket::open((&server, &ada), None, &[]).await;
    types(&server, &ben, room).await;
    let block = BlockRequest { user: ben.user, blocked: false };
    ada.call::<Block>(&server, &block).await.expect("blocked no more");
    say(&server, &ben, (room, "again")).await;
    // The first is the early one.
    assert_eq!(typing_before_message(&mut eyes).await + typing_before_message(&mut eyes).await, 0);
    assert!(sees(&server, &ada, &ben).await && sees(&server, &ben, &ada).await);
    let oneself = BlockRequest { user: ada.user, blocked: true };
    assert_eq!(code_of(ada.call::<Block>(&server, &oneself).await), Some(Code::Invalid));
    let nobody = BlockRequest { user: sotto_wire::UserId([9; 16]), blocked: true };
    assert_eq!(code_of(ada.call::<Block>(&server, &nobody).await), Some(Code::NotFound));
    server.stop().await;
}

async fn found(server: &Server, who: &Person, prefix: &str) -> Vec<String> {
    let request = FindPeopleRequest { prefix: prefix.to_owned() };
    let people = who.call::<FindPeople>(server, &request).await.expect("found").people;
    people.into_iter().map(|person| person.name.as_str().to_owned()).collect()
}

#[tokio::test]
async fn search_finds_how_names_begin_and_nothing_else() {
    let server = Server::start().await;
    let ada = Person::sign_up(&server, "ada").await;
    for name in ["adam", "adele", "bertha", "a_d"] {
        Person::sign_up(&server, name).await;
    }
    let cam = Person::sign_up(&server, "adcam").await;
    assert_eq!(found(&server, &ada, "ad").await, ["adam", "adcam", "adele"]);
    assert_eq!(found(&server, &ada, " AD").await, ["adam", "adcam", "adele"]);
    assert_eq!(found(&server, &ada, "ada").await, ["adam"], "not oneself");
    for nothing in ["zz", "%%", "a%", "__", "da", "ad' or 1=1", "äd"] {
        assert_eq!(found(&server, &ada, nothing).await, Vec::<String>::new(), "{nothing}");
    }
    cam.call::<Block>(&server, &BlockRequest { user: ada.user, blocked: true }).await.expect("blocked");
    assert_eq!(found(&server, &ada, "ad").await, ["adam", "adele"], "not who blocks");
    for bad in ["", "a", "  a ", &"a".repeat(33)] {
        let request = FindPeopleRequest { prefix: bad.to_owned() };
        assert_eq!(code_of(ada.call::<FindPeople>(&server, &request).await), Some(Code::Invalid), "{bad}");
    }
    server.stop().await;
}

#[tokio::test]
async fn search_is_bounded_and_throttled() {
    let server = Server::start_with(|config| config.rates.searches_per_minute_and_user = 2).await;
    let ada = Person::sign_up(&server, "ada").await;
    for number in 0..22 {
        Person::sign_up(&server, &format!("crowd{number:02}")).await;
    }
    let people = found(&server, &ada, "crowd").await;
    assert_eq!((people.len(), people[0].as_str(), people[19].as_str()), (20, "crowd00", "crowd19"));
    found(&server, &ada, "crowd1").await;
    let request = FindPeopleRequest { prefix: "crowd".to_owned() };
    assert_eq!(code_of(ada.call::<FindPeople>(&server, &request).await), Some(Code::RateLimited));
    server.stop().await;
}
