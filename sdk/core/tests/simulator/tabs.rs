//! Several tabs of one browser: each has its own timeline open, and what one asks for is done once, whoever leads.

use crate::behaviour::{ANNA, ask, direct, texts, world, write};
use crate::browser::SECOND;
use crate::world::World;
use sotto_core::Command;
use sotto_core::contract::{Outgoing, Reply, SENDS_KNOWN_MAX, ViewerKey};
use sotto_core::view::{Item, MessageState};
use sotto_core::wire::{ClientId, ConversationId};

fn second(world: &World) -> Vec<Item> {
    let shown = world.browsers[ANNA].screen.second.as_ref().expect("it was opened");
    shown.ordered().into_iter().cloned().collect()
}

fn notes(world: &mut World) -> ConversationId {
    match ask(world, ANNA, Command::StartNotes) {
        Ok(Reply::Conversation(id)) => id,
        other => panic!("no conversation but {other:?}"),
    }
}

#[test]
fn each_viewer_is_told_of_the_conversation_that_is_open_there() {
    let mut world = world();
    let (direct, notes) = (direct(&mut world), notes(&mut world));
    world.command(ANNA, Command::OpenConversation(SECOND, direct));
    world.command(ANNA, Command::OpenConversation(ViewerKey(0), notes));
    write(&mut world, ANNA, direct, "to bert");
    write(&mut world, ANNA, notes, "to myself");
    assert!(matches!(&second(&world)[..], [item] if item.state == MessageState::Delivered));
    let first = world.browsers[ANNA].screen.timeline.as_ref().expect("it was opened");
    assert!(first.conversation == notes && first.items.len() == 1);

    // Both look at the same one, and one of them reads on.
    world.command(ANNA, Command::OpenConversation(ViewerKey(0), direct));
    world.command(ANNA, Command::CloseConversation(SECOND));
    write(&mut world, ANNA, direct, "and again");
    assert_eq!(second(&world).len(), 1);
    assert_eq!(texts(&mut world, ANNA, direct), ["to bert", "and again"]);
}

#[test]
fn each_viewer_reads_back_at_its_own_pace() {
    let mut world = world();
    let id = notes(&mut world);
    for number in 0..120 {
        world.command(
            ANNA,
            Command::Send { conversation: id, message: Outgoing::text(format!("text {number}")), client_id: None },
        );
        world.run_for(400);
    }
    world.run_for(10_000);
    world.command(ANNA, Command::OpenConversation(ViewerKey(0), id));
    world.command(ANNA, Command::OpenConversation(SECOND, id));
    world.run_for(1_000);
    world.command(ANNA, Command::LoadOlder(SECOND, id));
    world.run_for(1_000);
    let first = world.browsers[ANNA].screen.timeline.as_ref().expect("it was opened");
    assert_eq!((first.items.len(), second(&world).len()), (50, 100));
}

#[test]
fn a_text_that_is_asked_for_again_after_a_take_over_is_one_message() {
    let mut world = world();
    let id = direct(&mut world);
    let client_id = ClientId([7; 16]);
    let send = Command::Send { conversation: id, message: Outgoing::text("once"), client_id: Some(client_id) };
    let first = ask(&mut world, ANNA, send.clone());
    assert!(matches!(first, Ok(Reply::Message(key)) if key.client_id == client_id));
    // While it waits, and after its event has taken it out of the outbox.
    assert_eq!(ask(&mut world, ANNA, send.clone()), first);
    world.crash(ANNA);
    world.boot(ANNA);
    world.run_for(20_000);
    assert_eq!(world.browsers[ANNA].waiting(), 0);
    assert_eq!(ask(&mut world, ANNA, send), first);
    assert_eq!(texts(&mut world, ANNA, id), ["once"]);
}

#[test]
fn the_ids_that_are_known_are_bounded() {
    let mut world = world();
    let id = notes(&mut world);
    for number in 0..SENDS_KNOWN_MAX + 9 {
        let client_id = Some(ClientId([u8::try_from(number).expect("a small bound"); 16]));
        world.command(
            ANNA,
            Command::Send { conversation: id, message: Outgoing::text(format!("text {number}")), client_id },
        );
        world.run_for(400);
    }
    let mut rows = world.browsers[ANNA].disk.iter().filter(|(place, _)| place.row == b"sends");
    assert_eq!(rows.next().map(|(_, value)| value.len()), Some(16 * SENDS_KNOWN_MAX));
}
