//! What is said about presence when, and what counts of what the server says.

use super::*;
use sotto_wire::UserId;
use sotto_wire::presence::Presence as How;

const STREAM: Option<(StreamKey, Transport)> = Some((StreamKey(1), Transport::Sse));
const NEXT: Option<(StreamKey, Transport)> = Some((StreamKey(2), Transport::Sse));

fn person(id: u8, presence: How) -> PersonPresence {
    PersonPresence { user: UserId([id; 16]), presence, last_seen: None }
}

fn answer(people: Vec<PersonPresence>) -> PresenceNoted {
    PresenceNoted { status: Status::Available, audience: Audience::People, people }
}

fn request(attention: Attention) -> PresenceRequest {
    PresenceRequest { attention, status: None, audience: None }
}

/// A stream has caught up, and what it was told is answered with these people.
fn attending(people: Vec<PersonPresence>) -> (Presence, Settings) {
    let (mut presence, mut settings) = (Presence::default(), Settings::default());
    presence.follow(STREAM);
    let (number, _) = presence.next(&settings, Millis(0)).expect("there is a stream");
    presence.noted(number, &answer(people), &mut settings).expect("it was asked");
    (presence, settings)
}

#[test]
fn nothing_is_said_before_a_stream_has_caught_up_and_once_by_each() {
    let (mut presence, settings) = (Presence::default(), Settings::default());
    assert_eq!(presence.next(&settings, Millis(0)), None);
    presence.follow(STREAM);
    assert_eq!(presence.next(&settings, Millis(0)), Some((1, request(Attention::Here))));
    assert_eq!(presence.next(&settings, Millis(0)), None);
    presence.follow(NEXT);
    assert_eq!(presence.next(&settings, Millis(0)), Some((2, request(Attention::Here))));
}

#[test]
fn a_device_is_away_a_minute_after_its_last_page_was_hidden_and_here_at_once() {
    let (mut presence, mut settings) = attending(Vec::new());
    presence.look(Visibility::Hidden, Millis(1_000));
    // Said again, by another page: the minute does not begin anew.
    presence.look(Visibility::Hidden, Millis(50_000));
    assert_eq!(presence.deadline(Millis(50_000)), Some(Millis(61_000)));
    assert_eq!(presence.next(&settings, Millis(60_999)), None);
    let (number, said) = presence.next(&settings, Millis(61_000)).expect("the minute is over");
    assert_eq!((said, presence.deadline(Millis(61_000))), (request(Attention::Away), None));
    // What changes while it is asked is said afterwards.
    presence.look(Visibility::Visible, Millis(62_000));
    assert_eq!(presence.next(&settings, Millis(62_000)), None);
    presence.noted(number, &answer(Vec::new()), &mut settings).expect("it was asked");
    assert_eq!(presence.next(&settings, Millis(62_000)).map(|(_, said)| said), Some(request(Attention::Here)));
}

#[test]
fn what_failed_waits_for_its_alarm_or_the_next_stream() {
    let (mut presence, settings) = (Presence::default(), Settings::default());
    presence.follow(STREAM);
    presence.next(&settings, Millis(0)).expect("there is a stream");
    assert_eq!(presence.failed(1), Some(()));
    assert_eq!(presence.next(&settings, Millis(0)), None);
    presence.again();
    assert_eq!(presence.next(&settings, Millis(0)).map(|(number, _)| number), Some(2));
    // Of one that nobody waits for any more.
    assert_eq!(presence.failed(1), None);
    assert_eq!(presence.failed(2), Some(()));
    presence.follow(NEXT);
    assert_eq!(presence.next(&settings, Millis(0)).map(|(number, _)| number), Some(3));
}

#[test]
fn without_a_stream_nothing_is_known_of_anybody() {
    let ben = person(2, How::Online);
    let (mut presence, settings) = attending(vec![ben]);
    assert_eq!(presence.follow(STREAM), None);
    assert_eq!(presence.people.of(ben.user), Some(&ben));
    assert_eq!(presence.follow(None), Some(Vec::new()));
    assert_eq!(presence.follow(None), None);
    assert_eq!((presence.hear(ben, &settings), presence.people.of(ben.user)), (None, None));
}

#[test]
fn an_answer_stands_for_all_that_was_known_but_not_for_what_came_since_it_was_asked() {
    let (online, away) = (person(2, How::Online), person(2, How::Away));
    let (mut presence, mut settings) = attending(vec![online, person(3, How::Online)]);
    presence.follow(NEXT);
    let (number, _) = presence.next(&settings, Millis(0)).expect("another stream");
    assert_eq!(presence.hear(away, &settings), Some(vec![away]));
    let told = presence.noted(number, &answer(vec![online, person(1, How::Busy)]), &mut settings);
    assert_eq!(told, Some(vec![vec![], vec![person(1, How::Busy), away]]));
    // Told is only what differs, and everything anew when somebody is to be forgotten.
    presence.follow(STREAM);
    let (number, _) = presence.next(&settings, Millis(0)).expect("another stream");
    let told = presence.noted(number, &answer(vec![person(1, How::Busy), online]), &mut settings);
    assert_eq!(told, Some(vec![vec![online]]));
    // An answer that is late is not taken for the newest.
    assert_eq!(presence.noted(number, &answer(Vec::new()), &mut settings), None);
}

#[test]
fn an_answer_that_has_become_old_is_asked_for_again_while_somebody_looks() {
    let ben = person(2, How::Online);
    let (mut presence, mut settings) = attending(vec![ben]);
    assert_eq!(
        (presence.next(&settings, Millis(299_999)), presence.deadline(Millis(0))),
        (None, Some(Millis(300_000)))
    );
    let (number, _) = presence.next(&settings, Millis(300_000)).expect("it is old");
    assert_eq!(presence.deadline(Millis(300_000)), None);
    assert_eq!(presence.noted(number, &answer(vec![ben]), &mut settings), Some(Vec::new()), "nothing has changed");
    assert_eq!(presence.next(&settings, Millis(300_000)), None);
    presence.look(Visibility::Hidden, Millis(300_000));
    let (number, said) = presence.next(&settings, Millis(360_000)).expect("nobody looks");
    presence.noted(number, &answer(Vec::new()), &mut settings).expect("it was asked");
    assert_eq!(said, request(Attention::Away));
    assert_eq!((presence.next(&settings, Millis(u64::MAX)), presence.deadline(Millis(360_000))), (None, None));
}

#[test]
fn an_answer_is_old_sooner_where_nobody_is_told_anything_between_two_polls() {
    let (mut presence, mut settings) = attending(Vec::new());
    presence.follow(Some((StreamKey(2), Transport::LongPoll)));
    let (number, _) = presence.next(&settings, Millis(0)).expect("the stream is another");
    presence.noted(number, &answer(Vec::new()), &mut settings).expect("it was asked");
    assert_eq!((presence.next(&settings, Millis(29_999)), presence.deadline(Millis(0))), (None, Some(Millis(30_000))));
    assert!(presence.next(&settings, Millis(30_000)).is_some());
}

#[test]
fn who_is_met_in_a_new_conversation_is_asked_for_also_when_it_comes_while_something_is_asked() {
    let (mut presence, mut settings) = attending(Vec::new());
    presence.meet();
    let (number, _) = presence.next(&settings, Millis(0)).expect("somebody was met");
    presence.meet();
    assert_eq!(presence.next(&settings, Millis(0)), None);
    presence.noted(number, &answer(Vec::new()), &mut settings).expect("it was asked");
    let (number, _) = presence.next(&settings, Millis(0)).expect("somebody else was met");
    presence.noted(number, &answer(vec![person(2, How::Away)]), &mut settings).expect("it was asked");
    assert_eq!(presence.next(&settings, Millis(0)), None);
}

#[test]
fn what_was_on_its_way_when_the_server_was_told_to_show_nobody_is_dropped() {
    let (online, away) = (person(2, How::Online), person(2, How::Away));
    let (mut presence, mut settings) = attending(vec![online]);
    settings.wish(Privacy { presence: Audience::Nobody, ..settings.privacy() });
    let (number, _) = presence.next(&settings, Millis(0)).expect("there is a wish");
    assert_eq!(presence.hear(away, &settings), Some(vec![away]));
    let noted = PresenceNoted { audience: Audience::Nobody, ..answer(Vec::new()) };
    assert_eq!(presence.noted(number, &noted, &mut settings), Some(vec![vec![]]));
    assert_eq!(presence.hear(online, &settings), None);
    // What comes before the answer to the opposite counts with the answer.
    settings.wish(Privacy { presence: Audience::People, ..settings.privacy() });
    let (number, _) = presence.next(&settings, Millis(0)).expect("there is a wish");
    assert_eq!(presence.hear(away, &settings), None);
    assert_eq!(presence.noted(number, &answer(vec![online]), &mut settings), Some(vec![vec![away]]));
}

#[test]
fn people_are_bounded() {
    let mut people = People::default();
    for id in 0..2_000_u16 {
        let mut user = [0; 16];
        user[..2].copy_from_slice(&id.to_be_bytes());
        people.put(PersonPresence { user: UserId(user), ..person(0, How::Online) });
    }
    assert_eq!(people.as_slice().len(), sotto_wire::limit::PRESENCE_PEOPLE_MAX);
}

#[test]
fn only_what_the_user_changes_is_told_and_until_the_server_has_heard_it() {
    let (mut presence, mut settings) = attending(Vec::new());
    let hidden = Privacy { presence: Audience::Nobody, ..settings.privacy() };
    settings.wish(hidden);
    assert_eq!(settings.privacy(), hidden);
    let (number, said) = presence.next(&settings, Millis(0)).expect("there is a wish");
    assert_eq!(said, PresenceRequest { audience: Some(Audience::Nobody), ..request(Attention::Here) });
    // It is changed again before the answer comes.
    let busy = Privacy { status: Status::Busy, presence: Audience::People, ..hidden };
    settings.wish(busy);
    let noted = PresenceNoted { audience: Audience::Nobody, ..answer(Vec::new()) };
    presence.noted(number, &noted, &mut settings).expect("it was asked");
    assert_eq!(settings.privacy(), busy);
    let (number, said) = presence.next(&settings, Millis(0)).expect("there is a wish");
    let both = PresenceRequest { status: Some(Status::Busy), audience: Some(Audience::People), ..said };
    assert_eq!(said, both);
    let noted = PresenceNoted { status: Status::Busy, ..answer(Vec::new()) };
    presence.noted(number, &noted, &mut settings).expect("it was asked");
    assert_eq!((settings.is_told(), settings.privacy()), (true, busy));
}

#[test]
fn what_the_server_does_not_take_is_not_said_for_ever() {
    let (mut presence, mut settings) = attending(Vec::new());
    settings.wish(Privacy { status: Status::Busy, ..settings.privacy() });
    let (number, _) = presence.next(&settings, Millis(0)).expect("there is a wish");
    presence.noted(number, &answer(Vec::new()), &mut settings).expect("it was asked");
    assert_eq!((settings.privacy(), presence.next(&settings, Millis(0))), (Privacy::default(), None));
}

#[test]
fn a_setting_of_a_later_version_stays_as_it_is() {
    let (mut presence, mut settings) = (Presence::default(), Settings::default());
    presence.follow(STREAM);
    presence.next(&settings, Millis(0)).expect("there is a stream");
    let noted = PresenceNoted { status: Status::Unknown, audience: Audience::Unknown, people: Vec::new() };
    presence.noted(1, &noted, &mut settings).expect("it was asked");
    settings.wish(Privacy { read_receipts: Sharing::Kept, ..settings.privacy() });
    assert!(settings.is_told());
    // On disk as in memory.
    let row = serde_json::to_vec(&settings).expect("it is plain");
    assert_eq!(serde_json::from_slice::<Settings>(&row).expect("it reads back"), settings);
    settings.wish(Privacy { status: Status::Available, ..settings.privacy() });
    settings.wish(Privacy { status: Status::Unknown, ..settings.privacy() });
    assert_eq!(settings.privacy().status, Status::Available);
}
