//! What ends every wait: the network, the page, the clock, the button. The rule: what seems open is not trusted when time
//! has passed in which nobody looked, but is kept until a fresh stream speaks.

use super::lane::{Lane, Spare, Stage, Step, Why};
use super::{Action, State, Stream};
use crate::contract::Network;
use crate::random::Random;
use crate::view::{CloseCause, LogKind};
use sotto_wire::Millis;
use sotto_wire::ticket::Transport;

/// A stream that spoke so short a time ago lives, whatever the page has been through.
const ALIVE_MS: Millis = Millis(5_000);
/// How long a `pong` may take.
const PONG_MS: Millis = Millis(3_000);

impl Stream {
    /// What the system says of the network.
    pub(crate) fn network(&mut self, network: Network, now: Millis) -> Vec<Action> {
        if self.network != network {
            self.log.push(if network == Network::Online { LogKind::NetworkFound } else { LogKind::NetworkLost });
        }
        self.network = network;
        match (network, &self.state) {
            (_, State::Off) => Vec::new(),
            (Network::Offline, _) => {
                let actions = self.close_all(CloseCause::Offline);
                self.state = State::Offline;
                actions
            }
            (Network::Online, State::Offline) => {
                self.choice.network_changed(now);
                vec![self.ask(0, None, now)]
            }
            (Network::Online, _) => self.wake(now),
        }
    }

    /// The page can be seen again.
    pub(crate) fn visible(&mut self, now: Millis) -> Vec<Action> {
        match self.main().map(|lane| lane.stage) {
            Some(Stage::Open { heard_at, .. }) if now.since(heard_at) <= ALIVE_MS => Vec::new(),
            Some(Stage::Open { .. } | Stage::Opening { .. }) | None => self.wake(now),
        }
    }

    /// Time has passed in which nobody looked: what seems open is not to be trusted.
    pub(crate) fn wake(&mut self, now: Millis) -> Vec<Action> {
        if self.spare.is_some() {
            return Vec::new();
        }
        match &mut self.state {
            State::Waiting { .. } => vec![self.ask(0, None, now)],
            State::Up { lane: Lane { key, transport, stage: Stage::Open { pong_until, .. }, .. }, .. } => {
                if *transport != Transport::WebSocket {
                    return vec![self.ask_spare(Why::Fresh(CloseCause::Woke))];
                }
                if pong_until.is_some() {
                    return Vec::new();
                }
                *pong_until = Some(now.after(PONG_MS));
                vec![Action::Ping(*key)]
            }
            State::Off | State::Offline | State::Ticketing { .. } | State::Up { .. } => Vec::new(),
        }
    }

    /// The user wants it now, whatever backoff, pause and system say.
    pub(crate) fn reconnect(&mut self, now: Millis) -> Vec<Action> {
        match self.state {
            State::Waiting { .. } | State::Offline => vec![self.ask(0, None, now)],
            State::Off | State::Ticketing { .. } | State::Up { .. } => Vec::new(),
        }
    }

    /// The user wants this transport and no other, or the best again.
    pub(crate) fn pin(&mut self, transport: Option<Transport>, now: Millis) -> Vec<Action> {
        self.choice.pin(transport);
        self.log.push(LogKind::TransportPinned(transport));
        let mut actions = Vec::new();
        if let Some(Spare { step: Step::Up(lane), .. }) = self.spare.take() {
            actions.push(Action::Close(lane.key));
        }
        match self.state {
            State::Up { lane, .. } if self.choice.allows(lane.transport) => {}
            State::Up { lane, .. } if lane.is_open() => {
                actions.push(self.ask_spare(Why::Fresh(CloseCause::Replaced)));
            }
            State::Up { .. } => {
                actions.extend(self.close_all(CloseCause::Replaced));
                actions.push(self.ask(0, None, now));
            }
            State::Waiting { .. } => actions.push(self.ask(0, None, now)),
            State::Off | State::Offline | State::Ticketing { .. } => {}
        }
        actions
    }

    /// A deadline may have come.
    pub(crate) fn timer(&mut self, now: Millis, random: &Random) -> Vec<Action> {
        let mut actions = Vec::new();
        let late = |lane: &Lane, silence: Millis| Some(lane.due(silence)).filter(|(at, _)| *at <= now);
        if let Some(lane) = self.spare_lane().copied()
            && let Some((_, cause)) = late(&lane, self.silence)
        {
            actions.extend(self.give_up(lane.key, cause, (now, random)));
        }
        match self.state {
            State::Waiting { attempt, at, refusal, .. } if at <= now => actions.push(self.ask(attempt, refusal, now)),
            State::Up { lane, .. } => {
                if let Some((_, cause)) = late(&lane, self.silence) {
                    actions.extend(self.give_up(lane.key, cause, (now, random)));
                } else if let Some((better, at)) = self.better()
                    && at <= now
                {
                    actions.push(self.ask_spare(Why::Better(better)));
                }
            }
            State::Off | State::Offline | State::Waiting { .. } | State::Ticketing { .. } => {}
        }
        actions
    }
}
