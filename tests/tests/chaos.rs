//! Chaos: real devices on faulty links to a real server that is killed and started again, and people who sign in on other
//! devices meanwhile, all from one seed. Owns the plan and the order of the run; the parts are below `chaos/`.
//!
//! `SOTTO_CHAOS_SEED` replays a schedule, `SOTTO_CHAOS_FAULTS` says how many faults strike (60 without) and
//! `SOTTO_CHAOS_SECONDS` over how long a time (30 without, the end not counted).

#[path = "chaos/check.rs"]
mod check;
#[path = "chaos/person.rs"]
mod person;

use person::Person;
use sotto_tests::fault::{Fault, Schedule, Strike, Struck};
use sotto_tests::{Dice, Server, fresh_seed, now};
use sotto_wire::ConversationId;
use std::time::Duration;

/// The server's program, built by cargo with these tests.
const SERVER: &str = env!("CARGO_BIN_EXE_sotto-server-under-test");
/// Who takes part.
const NAMES: [&str; 4] = ["ada", "ben", "cem", "dia"];
/// Who talks to whom, by place in [`NAMES`].
const PAIRS: [(usize, usize); 5] = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)];
/// A life of access tokens and a silence of streams that come often in a short run.
const SETTINGS: [(&str, &str); 2] = [("HEARTBEAT_MS", "1000"), ("ACCESS_LIFE_MS", "5000")];

/// What is to happen.
#[derive(Clone, Copy)]
struct Plan {
    seed: u64,
    faults: usize,
    lasts: Duration,
}

impl Plan {
    fn from_environment() -> Self {
        let number = |name: &str| {
            let text = std::env::var(name).ok()?;
            Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text}, which is no number")))
        };
        Self {
            seed: number("SOTTO_CHAOS_SEED").unwrap_or_else(fresh_seed),
            faults: number("SOTTO_CHAOS_FAULTS").map_or(60, |count| usize::try_from(count).unwrap_or(usize::MAX)),
            lasts: Duration::from_secs(number("SOTTO_CHAOS_SECONDS").unwrap_or(30)),
        }
    }
}

/// A conversation of two people, by place in [`NAMES`].
#[derive(Clone, Copy)]
struct Talk {
    id: ConversationId,
    pair: (usize, usize),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_fault_loses_doubles_or_reorders_a_message_or_leaves_one_in_limbo() {
    let plan = Plan::from_environment();
    println!("chaos: seed {}, {} faults in {:?}", plan.seed, plan.faults, plan.lasts);
    let began = now();
    let mut dice = Dice::new(plan.seed);
    let pace = plan.lasts / u32::try_from(plan.faults.max(1)).expect("a count of faults");
    let schedule = Schedule::new(&mut dice, plan.faults, NAMES.len(), pace);

    // The server's order decides which transport a device begins with; faults lead it to the others.
    let mut transports = ["sse", "web_socket", "long_poll"];
    dice.shuffle(&mut transports);
    let transports = transports.join(",");
    let settings = SETTINGS.into_iter().chain([("TRANSPORTS", transports.as_str())]).collect::<Vec<_>>();
    let mut server = Server::start_with(SERVER, &settings).await;
    let mut people = Vec::new();
    for person in NAMES.into_iter().enumerate() {
        people.push(Person::start(person, server.address(), Dice::new(dice.roll())).await);
    }
    let mut talks = Vec::new();
    for pair in PAIRS {
        let id = people[pair.0].device.direct(NAMES[pair.1]).await;
        for place in [pair.0, pair.1] {
            people[place].join(id).await;
        }
        talks.push(Talk { id, pair });
    }

    let killed = Struck::default();
    let [ada, ben, cem, dia] = &mut people[..] else { unreachable!("one for each name") };
    let [of_ada, of_ben, of_cem, of_dia] = &schedule.links[..] else { unreachable!("one for each name") };
    tokio::join!(
        kill_again_and_again(&mut server, &schedule.server, &killed),
        ada.live(of_ada),
        ben.live(of_ben),
        cem.live(of_cem),
        dia.live(of_dia),
    );

    let struck = |fault| killed.of(fault) + people.iter().map(|person| person.struck.of(fault)).sum::<u64>();
    let struck: Vec<(Fault, u64)> = Fault::ALL.into_iter().map(|fault| (fault, struck(fault))).collect();
    let mut screens = Vec::new();
    for talk in talks {
        screens.push(check::last_words(&mut people, talk).await);
    }
    let writings: usize = people.iter().map(|person| person.written.values().map(Vec::len).sum::<usize>()).sum();
    let moves: Vec<u64> = people.iter().map(|person| person.moves).collect();
    let failed = check::all(&server, &mut people, &screens).await;
    println!(
        "chaos: seed {}: {writings} texts, {failed} failed, {struck:?}, moved to other devices: {moves:?}",
        plan.seed
    );
    println!(
        "chaos: offered {transports}; open by {:?}",
        people.iter().map(|person| &person.carried).collect::<Vec<_>>()
    );
    println!("chaos: {} s", now().since(began).0 / 1_000);
    // Every fault passes, so nothing is given up for good.
    assert_eq!(failed, 0, "seed {}: texts were given up", plan.seed);
    let never: Vec<Fault> = struck.iter().filter(|(_, count)| *count == 0).map(|(fault, _)| *fault).collect();
    assert!(never.is_empty(), "seed {}: never struck: {never:?}", plan.seed);
    assert!(moves.iter().any(|moves| *moves > 0), "seed {}: nobody has signed in elsewhere", plan.seed);
}

/// The server's share of a schedule.
async fn kill_again_and_again(server: &mut Server, strikes: &[Strike], killed: &Struck) {
    for strike in strikes {
        tokio::time::sleep(strike.after).await;
        server.kill().await;
        tokio::time::sleep(strike.lasts).await;
        server.start_again().await;
        killed.note(Fault::Kill);
    }
}
