//! The second stream: opened beside one that works, by a better transport or afresh, and taking its place. The rule: what
//! works goes only when the other one speaks.

use super::lane::{Spare, Step, Why};
use super::{Action, Place, State, Stream};
use crate::random::Random;
use crate::view::{CloseCause, LogKind};
use sotto_wire::ticket::{TicketOpened, Transport};
use sotto_wire::{Code, Millis, Problem};

impl Stream {
    pub(super) fn ask_spare(&mut self, why: Why) -> Action {
        let number = self.number();
        self.log.push(LogKind::Asked(0));
        self.spare = Some(Spare { why, step: Step::Ticketing(number) });
        Action::AskTicket { number, place: Place::Spare }
    }

    pub(super) fn spare_ticket(
        &mut self,
        why: Why,
        answer: Result<TicketOpened, Problem>,
        (now, random): (Millis, &Random),
    ) -> Vec<Action> {
        let transport = match why {
            Why::Better(transport) => Some(transport),
            Why::Fresh(_) => self.choice.pick(),
        };
        match (answer, transport) {
            (Ok(opened), Some(transport)) => {
                let (lane, action) = self.open(transport, &opened.ticket, now);
                self.spare = Some(Spare { why, step: Step::Up(lane) });
                vec![action]
            }
            (answer, _) => {
                let code = answer.err().map_or(Code::ProtocolUnsupported, |problem| problem.code);
                self.log.push(LogKind::Refused(code));
                let is_there = !matches!(code, Code::Unreachable | Code::NotSotto);
                if why == Why::Fresh(CloseCause::Woke) && is_there {
                    // It does not want a second stream: whether the first one lives is told by its silence.
                    self.spare = None;
                    return Vec::new();
                }
                self.spare_lost(CloseCause::Ended, (now, random))
            }
        }
    }

    /// What was missed has come by the spare stream: it takes over.
    pub(crate) fn spare_caught_up(&mut self) -> Vec<Action> {
        self.take_over(CloseCause::Replaced)
    }

    /// The spare stream takes over from one that is still open.
    pub(super) fn take_over(&mut self, cause: CloseCause) -> Vec<Action> {
        let old = self.main().map(|lane| Action::Close(lane.key));
        old.into_iter().chain(self.change_over(cause)).collect()
    }

    /// The spare stream, however far it has come, takes the place of the other, which is to be closed by the caller.
    pub(super) fn change_over(&mut self, cause: CloseCause) -> Option<Action> {
        let State::Up { attempt, lane } = self.state else { return None };
        let spare = self.spare.take()?;
        self.log.push(LogKind::Closed { transport: lane.transport, cause });
        self.state = match spare.step {
            Step::Ticketing(number) => State::Ticketing { attempt, number },
            Step::Up(lane) => State::Up { attempt, lane },
        };
        if let Step::Up(lane) = spare.step
            && lane.is_open()
        {
            self.carries(lane.transport);
        }
        Some(Action::ChangeOver)
    }

    /// The spare stream is gone, and the other one is what it was.
    pub(super) fn spare_lost(&mut self, cause: CloseCause, (now, random): (Millis, &Random)) -> Vec<Action> {
        let Some(spare) = self.spare.take() else { return Vec::new() };
        let transport = spare.lane().map(|lane| lane.transport);
        self.log.extend(transport.map(|transport| LogKind::Closed { transport, cause }));
        match (spare.why, self.main().map(|lane| lane.key)) {
            (Why::Better(better), _) => {
                let is_to_blame = matches!(cause, CloseCause::NoFirstFrame | CloseCause::Disabled | CloseCause::Ended);
                if transport.is_some() && is_to_blame {
                    let doubted = self.choice.doubt(better, cause, now);
                    self.log.push(doubted);
                } else {
                    self.choice.postpone(better, now);
                }
                Vec::new()
            }
            // Where no fresh one is to be had, the old one is dead too, or is not wanted.
            (Why::Fresh(why), Some(key)) => self.give_up(key, why, (now, random)),
            (Why::Fresh(_), None) => Vec::new(),
        }
    }

    /// A better transport and when it is to be tried, while there is time for it.
    pub(super) fn better(&self) -> Option<(Transport, Millis)> {
        let lane = self.main().filter(|_| self.spare.is_none() && self.is_caught_up())?;
        self.choice.better(lane.transport)
    }
}
