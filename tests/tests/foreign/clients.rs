//! Every client of the stream hears the same events in the same order with the same cursors, whoever wrote it (T1, T2).

use crate::room::{Heard, Program, Room};

/// Messages before a client comes, and until it has heard everything.
const EARLY: u8 = 10;
const ALL: u8 = 20;

/// A script of this folder.
fn script(name: &str) -> String {
    format!("{}/tests/foreign/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether it is all of the messages in their order, each with its cursor as id where the transport has ids.
fn assert_complete(heard: &[Heard]) {
    let numbers: Vec<bool> = (1..=ALL).zip(heard).map(|(number, heard)| heard.is(number)).collect();
    assert_eq!(numbers, [true; ALL as usize], "{heard:?}");
    for heard in heard {
        assert_eq!(heard.id.as_deref().unwrap_or(heard.event.cursor().as_str()), heard.event.cursor().as_str());
    }
}

#[tokio::test]
async fn curl_and_the_eventsource_package_hear_the_same_in_the_same_order() {
    let room = Room::open().await;
    for number in 1..=EARLY {
        room.say(number).await;
    }
    let origin = room.server.origin();
    let mut curl = Program::curl(&room.stream(&origin).await);
    let mut package = Program::start("node", &[&script("eventsource.mjs"), &room.stream(&origin).await]);
    let (mut by_curl, mut by_package) = tokio::join!(curl.frames_until(EARLY), package.lines_until(EARLY));
    // The rest while they listen.
    for number in EARLY + 1..=ALL {
        room.say(number).await;
    }
    let (rest_by_curl, rest_by_package) = tokio::join!(curl.frames_until(ALL), package.lines_until(ALL));
    by_curl.extend(rest_by_curl);
    by_package.extend(rest_by_package);
    assert_complete(&by_curl);
    assert!(by_curl.iter().all(|heard| heard.id.is_some()), "a durable event has its cursor as id");
    assert_eq!(by_curl, by_package);
}
