//! When others are told of somebody, and what.

use super::*;
use crate::delivery::testing::{NOW, bytes};

fn device(number: usize) -> DeviceRef {
    DeviceRef { user: UserId(bytes(number)), device: DeviceId(bytes(number)) }
}

/// Another device of the same person.
fn second(number: usize) -> DeviceRef {
    DeviceRef { device: DeviceId(bytes(1_000 + number)), ..device(number) }
}

fn room() -> Vec<Stream> {
    vec![Stream::Device(DeviceId(bytes(7)))]
}

/// Device 1, which was routed there.
fn left() -> Rooms {
    Rooms::Left(Left { device: device(1).device, rooms: room() })
}

fn after(ms: u64) -> Millis {
    NOW.after(Millis(ms))
}

/// Somebody who has shown themselves, without a stream.
fn known(settings: Settings) -> Presences {
    let mut presences = Presences::default();
    presences.learn(device(1).user, settings, NOW);
    presences
}

/// Somebody who has come with stream 1 and of whom was told.
fn online() -> Presences {
    let mut presences = known(Settings::default());
    come(&mut presences, (device(1), 1), Millis(NOW.0 - EVERY.0));
    assert_eq!(shown(&mut presences, NOW), [Presence::Online]);
    presences
}

fn come(presences: &mut Presences, stream: (DeviceRef, u64), now: Millis) {
    presences.open(stream, now);
    presences.route(stream, now);
}

fn shown(presences: &mut Presences, now: Millis) -> Vec<Presence> {
    presences.settle(now).into_iter().map(|change| change.person.presence).collect()
}

const BUSY: Settings = Settings { status: Status::Busy, audience: Audience::People };
const HIDDEN: Settings = Settings { status: Status::Available, audience: Audience::Nobody };

fn set(presences: &mut Presences, settings: Settings, now: Millis) {
    let revision = presences.next_revision();
    presences.set(device(1).user, (settings, revision), now);
}

#[test]
fn who_comes_is_told_when_it_is_known_where_and_to_whom() {
    let mut presences = Presences::default();
    presences.open((device(1), 1), NOW);
    presences.learn(device(1).user, Settings::default(), NOW);
    let told_at = after(EVERY.0);
    assert_eq!(presences.settle(told_at), [], "not routed yet");
    presences.route((device(1), 1), told_at);
    let person = PersonPresence { user: device(1).user, presence: Presence::Online, last_seen: None };
    assert_eq!(presences.settle(told_at), [Change { person, rooms: Rooms::Of(vec![1]), seen_at: Some(told_at) }]);
    assert_eq!(presences.settle(after(60_000)), [], "nothing has changed");
    let mut unknown = Presences::default();
    come(&mut unknown, (device(1), 1), NOW);
    assert_eq!(unknown.settle(told_at), [], "the settings are not known");
    unknown.learn(device(1).user, Settings::default(), told_at);
    assert_eq!(shown(&mut unknown, told_at), [Presence::Online]);
}

#[test]
fn device_that_comes_says_first_whether_somebody_looks_at_it() {
    let mut woken = known(Settings::default());
    come(&mut woken, (device(1), 1), NOW);
    assert_eq!(woken.settle(after(EVERY.0 - 1)), []);
    woken.attend(device(1), Attention::Away, after(EVERY.0 - 1));
    assert_eq!(shown(&mut woken, after(EVERY.0)), [Presence::Away], "never online");
    // The same beside another device of the same person.
    come(&mut woken, (second(1), 2), after(60_000));
    assert_eq!(woken.settle(after(60_000)), []);
    woken.attend(second(1), Attention::Away, after(60_500));
    assert_eq!(woken.settle(after(90_000)), []);
}

#[test]
fn who_goes_is_told_once_the_grace_is_over_with_the_minute_in_which_they_went() {
    let mut presences = online();
    let left_at = after(90_500);
    presences.close((device(1), 1), room(), left_at);
    assert_eq!(presences.settle(left_at.after(Millis(GRACE.0 - 1))), []);
    let changes = presences.settle(left_at.after(GRACE));
    let last_seen = Some(Millis(left_at.0 - left_at.0 % 60_000));
    let person = PersonPresence { user: device(1).user, presence: Presence::Offline, last_seen };
    assert_eq!(changes, [Change { person, rooms: left(), seen_at: Some(left_at) }]);
    presences.settle(left_at.after(Millis(2 * GRACE.0)));
    assert!(presences.people.is_empty() && presences.due.is_empty(), "and then forgotten");
}

#[test]
fn reconnect_within_the_grace_tells_nothing_however_long_it_takes_to_catch_up() {
    let mut presences = online();
    for round in 0..5 {
        let (gone, back) = (after(round * 20_000), after(round * 20_000 + GRACE.0 - 1));
        presences.close((device(1), round + 1), room(), gone);
        presences.open((device(1), round + 2), back);
        assert_eq!(presences.settle(back.after(Millis(4_000))), []);
        presences.route((device(1), round + 2), back.after(Millis(4_000)));
        assert_eq!(presences.settle(back.after(Millis(4_000))), []);
    }
    // One that closes before it was routed leaves the rooms of the one before.
    presences.close((device(1), 6), room(), after(100_000));
    presences.open((device(1), 7), after(101_000));
    presences.close((device(1), 7), Vec::new(), after(102_000));
    let changes = presences.settle(after(102_000 + GRACE.0));
    assert_eq!(changes.into_iter().map(|change| change.rooms).collect::<Vec<_>>(), [left()]);
}

#[test]
fn pauses_between_polls_are_no_absence() {
    let mut presences = online();
    for poll in 1..200 {
        let at = after(poll * 1_000);
        presences.close((device(1), poll), room(), at);
        presences.open((device(1), poll + 1), at.after(Millis(500)));
        presences.route((device(1), poll + 1), at.after(Millis(500)));
        assert_eq!(presences.settle(at.after(Millis(500))), []);
    }
}

#[test]
fn strongest_of_busy_here_and_away_is_shown() {
    let mut presences = online();
    let mut at = NOW;
    let mut step = |presences: &mut Presences| {
        at = at.after(EVERY);
        shown(presences, at)
    };
    presences.attend(device(1), Attention::Away, NOW);
    assert_eq!(step(&mut presences), [Presence::Away]);
    come(&mut presences, (second(1), 2), after(EVERY.0));
    assert_eq!(step(&mut presences), [Presence::Online], "the other device is looked at");
    presences.attend(second(1), Attention::Away, NOW);
    assert_eq!(step(&mut presences), [Presence::Away]);
    set(&mut presences, BUSY, NOW);
    assert_eq!(step(&mut presences), [Presence::Busy]);
    presences.attend(second(1), Attention::Here, NOW);
    assert_eq!(step(&mut presences), []);
    set(&mut presences, Settings::default(), NOW);
    assert_eq!(step(&mut presences), [Presence::Online]);
}

#[test]
fn attention_is_kept_as_long_as_the_device_is_reached() {
    let mut presences = online();
    presences.attend(device(1), Attention::Away, NOW);
    assert_eq!(shown(&mut presences, after(EVERY.0)), [Presence::Away]);
    presences.close((device(1), 1), room(), after(10_000));
    come(&mut presences, (device(1), 2), after(20_000));
    assert_eq!(presences.settle(after(20_000)), [], "still away");
    presences.close((device(1), 2), room(), after(30_000));
    assert_eq!(shown(&mut presences, after(30_000 + GRACE.0)), [Presence::Offline]);
    come(&mut presences, (device(1), 3), after(60_000));
    assert_eq!(shown(&mut presences, after(60_000 + EVERY.0)), [Presence::Online]);
    presences.attend(device(2), Attention::Here, after(60_000));
    assert_eq!(presences.settle(after(90_000)), [], "of a device without a stream it says nothing");
}

#[test]
fn changes_are_told_at_their_pace_and_the_newest_only() {
    let mut presences = online();
    let (mut told, mut newest) = (Vec::new(), Attention::Here);
    for step in 1..=1_000 {
        newest = if newest == Attention::Here { Attention::Away } else { Attention::Here };
        presences.attend(device(1), newest, after(step * 10));
        told.extend(shown(&mut presences, after(step * 10)));
    }
    // Ten seconds of flips: at each pace the state of that moment, where it is another than was told.
    assert!(told.len() <= 5, "{told:?}");
    presences.attend(device(1), Attention::Away, after(10_010));
    presences.settle(after(20_000));
    presences.attend(device(1), Attention::Here, after(20_010));
    presences.attend(device(1), Attention::Away, after(20_020));
    assert_eq!(presences.settle(after(60_000)), [], "there and back is no change");
}

#[test]
fn answer_says_what_was_told_so_that_what_follows_fits() {
    let mut presences = online();
    let told = |presences: &Presences| presences.told(device(1).user).map(|person| person.presence);
    presences.attend(device(1), Attention::Away, after(10));
    assert_eq!((told(&presences), presences.settle(after(20))), (Some(Presence::Online), vec![]));
    assert_eq!(shown(&mut presences, after(EVERY.0)), [Presence::Away]);
    assert_eq!(told(&presences), Some(Presence::Away));
    presences.close((device(1), 1), room(), after(5_000));
    presences.settle(after(5_000 + GRACE.0));
    assert_eq!(told(&presences), None);
}

#[test]
fn who_shows_it_to_nobody_is_told_offline_once_and_nothing_after_it() {
    let mut presences = online();
    set(&mut presences, HIDDEN, after(5_000));
    let changes = presences.settle(after(5_000));
    assert_eq!(changes, [Change { person: offline(device(1).user, None), rooms: Rooms::Of(vec![1]), seen_at: None }]);
    assert_eq!((presences.told(device(1).user), presences.is_told(device(1).user)), (None, false));
    presences.attend(device(1), Attention::Away, after(9_000));
    set(&mut presences, Settings { status: Status::Busy, ..HIDDEN }, after(9_000));
    presences.close((device(1), 1), room(), after(9_000));
    come(&mut presences, (second(1), 2), after(12_000));
    assert_eq!(presences.settle(after(60_000)), []);
    assert_eq!(presences.there(after(60_000)).count(), 0);
    set(&mut presences, Settings::default(), after(60_000));
    assert_eq!(shown(&mut presences, after(60_000)), [Presence::Online], "shown again");
    let mut came_hidden = known(HIDDEN);
    come(&mut came_hidden, (device(1), 1), NOW);
    assert_eq!(came_hidden.settle(after(EVERY.0)), [], "nobody believes that they are there");
}

#[test]
fn who_hides_is_told_so_at_once_and_who_was_not_there_not_at_all() {
    let mut presences = online();
    set(&mut presences, HIDDEN, NOW);
    assert_eq!(shown(&mut presences, NOW), [Presence::Offline]);
    let mut presences = known(Settings::default());
    come(&mut presences, (device(1), 1), NOW);
    set(&mut presences, HIDDEN, NOW);
    assert_eq!(presences.settle(after(60_000)), []);
}

#[test]
fn newest_settings_win_whatever_comes_last() {
    let mut presences = online();
    let (first, last) = (presences.next_revision(), presences.next_revision());
    presences.set(device(1).user, (BUSY, last), after(3_000));
    presences.set(device(1).user, (Settings::default(), first), after(3_000));
    presences.learn(device(1).user, Settings::default(), after(3_000));
    assert_eq!(presences.settings(device(1).user), Some(BUSY));
    // Set without a stream, and read by a stream before that.
    let user = device(2).user;
    let revision = presences.next_revision();
    presences.set(user, (HIDDEN, revision), after(3_000));
    let late = after(3_000 + limit::TICKET_LIFE_MS - 1);
    presences.settle(late);
    presences.learn(user, Settings::default(), late);
    assert_eq!(presences.settings(user), Some(HIDDEN));
    // Also when there is something to tell meanwhile.
    let mut hides = online();
    hides.close((device(1), 1), room(), after(10));
    set(&mut hides, HIDDEN, after(GRACE.0));
    assert_eq!(hides.settle(after(GRACE.0)).len(), 1);
    let late = after(GRACE.0 + limit::TICKET_LIFE_MS - 1);
    hides.settle(late);
    hides.learn(device(1).user, Settings::default(), late);
    assert_eq!(hides.settings(device(1).user), Some(HIDDEN));
}

#[test]
fn those_who_are_there_when_the_server_stops_were_seen_now_or_when_they_went() {
    let mut presences = online();
    assert_eq!(presences.there(after(9_000)).collect::<Vec<_>>(), [(device(1).user, after(9_000))]);
    presences.close((device(1), 1), room(), after(10_000));
    assert_eq!(presences.there(after(12_000)).collect::<Vec<_>>(), [(device(1).user, after(10_000))]);
}

#[test]
fn ten_thousand_who_come_and_come_back_are_told_once_each_and_then_forgotten() {
    const PEOPLE: usize = 10_000;
    let mut presences = Presences::default();
    let all = |presences: &mut Presences, now| {
        let mut changes = 0;
        while presences.is_due(now) {
            changes += presences.settle(now).len();
        }
        changes
    };
    for number in 0..PEOPLE {
        presences.learn(device(number).user, Settings::default(), NOW);
        come(&mut presences, (device(number), number as u64), NOW);
    }
    assert_eq!(all(&mut presences, after(EVERY.0)), PEOPLE);
    for number in 0..PEOPLE {
        presences.close((device(number), number as u64), room(), after(5_000));
    }
    for number in 0..PEOPLE {
        come(&mut presences, (device(number), (PEOPLE + number) as u64), after(9_000));
    }
    assert_eq!(all(&mut presences, after(60_000)), 0, "the storm is over before the grace");
    for number in 0..PEOPLE {
        presences.close((device(number), (PEOPLE + number) as u64), room(), after(60_000));
    }
    assert_eq!(all(&mut presences, after(60_000 + GRACE.0)), PEOPLE);
    all(&mut presences, after(60_000 + 2 * GRACE.0));
    assert!(presences.people.is_empty() && presences.due.is_empty());
}

#[test]
fn people_who_are_remembered_have_a_bound() {
    let mut presences = Presences::default();
    for number in 0..=PEOPLE_MAX {
        presences.learn(device(number).user, Settings::default(), NOW);
    }
    assert_eq!((presences.people.len(), presences.due.len()), (PEOPLE_MAX, PEOPLE_MAX));
    assert_eq!(presences.settings(device(PEOPLE_MAX).user), None);
    come(&mut presences, (device(0), 1), NOW);
    assert_eq!(presences.settle(after(EVERY.0)).len(), 1, "who is known goes on");
}
