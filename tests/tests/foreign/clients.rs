//! Every client of the stream hears the same events in the same order with the same cursors, whoever wrote it (T1, T2).

use crate::room::{Heard, Program, Room, script};

/// Messages before a client comes, and until it has heard everything.
const EARLY: u8 = 10;
const ALL: u8 = 20;

/// Whether it is all of the messages in their order, each with its cursor as id where the transport has ids.
fn assert_complete(heard: &[Heard]) {
    let numbers: Vec<bool> = (1..=ALL).zip(heard).map(|(number, heard)| heard.is(number)).collect();
    assert_eq!(numbers, [true; ALL as usize], "{heard:?}");
    for heard in heard {
        assert_eq!(heard.id.as_deref().unwrap_or(heard.event.cursor().as_str()), heard.event.cursor().as_str());
    }
}

#[tokio::test]
async fn curl_and_the_packages_eventsource_and_ws_hear_the_same_in_the_same_order() {
    let room = Room::open().await;
    for number in 1..=EARLY {
        room.say(number).await;
    }
    let origin = room.server.origin();
    let socket = room.stream(&origin).await.replacen("http", "ws", 1);
    let mut curl = Program::curl(&room.stream(&origin).await);
    let mut source = Program::start("node", &[&script("eventsource.mjs"), &room.stream(&origin).await]);
    let mut socket = Program::start("node", &[&script("ws.mjs"), &socket]);
    let (mut by_curl, mut by_source, mut by_socket) =
        tokio::join!(curl.frames_until(EARLY), source.lines_until(EARLY), socket.lines_until(EARLY));
    // The rest while they listen.
    for number in EARLY + 1..=ALL {
        room.say(number).await;
    }
    let (rest_of_curl, rest_of_source, rest_of_socket) =
        tokio::join!(curl.frames_until(ALL), source.lines_until(ALL), socket.lines_until(ALL));
    by_curl.extend(rest_of_curl);
    by_source.extend(rest_of_source);
    by_socket.extend(rest_of_socket);
    assert_complete(&by_curl);
    assert!(by_curl.iter().all(|heard| heard.id.is_some()), "a durable event has its cursor as id");
    assert_eq!(by_curl, by_source);
    let events = |heard: Vec<Heard>| heard.into_iter().map(|heard| heard.event).collect::<Vec<_>>();
    assert_eq!(events(by_curl), events(by_socket));
}

#[tokio::test]
async fn curl_hears_everything_by_long_poll_from_one_ticket_to_the_next() {
    let room = Room::open().await;
    for number in 1..=EARLY {
        room.say(number).await;
    }
    let origin = room.server.origin();
    let mut url = room.stream(&origin).await;
    let mut heard: Vec<Heard> = Vec::new();
    while heard.len() < usize::from(ALL) {
        let mut polls = Program::curl_json(&url);
        if heard.len() == usize::from(EARLY) {
            // The question is held until there is something.
            for number in EARLY + 1..=ALL {
                room.say(number).await;
            }
        }
        let answer = polls.answer().await;
        assert_eq!(answer["type"], "events", "{answer}");
        let events = answer["payload"]["events"].as_array().expect("events");
        heard.extend(events.iter().filter_map(|event| Heard::of(None, event.to_string().as_bytes())));
        let ticket = answer["payload"]["ticket"].as_str().expect("the next ticket");
        url = format!("{origin}/api/events?ticket={ticket}");
    }
    assert_complete(&heard);
}
