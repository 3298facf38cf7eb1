//! What the SDK has told and the signals do not know yet: carried over once a frame, so that a thousand messages that come
//! at once are drawn a few times and not a thousand. Owns the waiting; what the news mean is the client's.

use leptos::leptos_dom::helpers::{
    AnimationFrameRequestHandle, TimeoutHandle, request_animation_frame_with_handle, set_timeout_with_handle,
};
use leptos::prelude::*;
use sotto::Told;
use std::time::Duration;

/// The longest wait for a frame: a page out of sight draws none, and has a title that counts all the same.
const FRAME_LONGEST: Duration = Duration::from_millis(100);
/// So many never wait: timers of a page out of sight come once a minute only, and what waits takes memory.
const WAITING_MAX: usize = 1_024;

/// The news that wait. Clones are the same.
#[derive(Clone, Copy)]
pub(super) struct News {
    waiting: StoredValue<Vec<Told>, LocalStorage>,
    frame: StoredValue<Option<Frame>, LocalStorage>,
}

/// The frame that is waited for, if it comes.
struct Frame {
    drawn: Option<AnimationFrameRequestHandle>,
    late: Option<TimeoutHandle>,
}

impl News {
    pub(super) fn new() -> Self {
        Self { waiting: StoredValue::new_local(Vec::new()), frame: StoredValue::new_local(None) }
    }

    /// Keeps a piece of news, which `carry` is to take with the next frame.
    pub(super) fn keep(self, told: &Told, carry: impl Fn() + Copy + 'static) {
        self.waiting.update_value(|waiting| waiting.push(told.clone()));
        if self.waiting.with_value(Vec::len) >= WAITING_MAX {
            carry();
        } else if self.frame.with_value(Option::is_none) {
            let drawn = request_animation_frame_with_handle(carry).ok();
            let late = set_timeout_with_handle(carry, FRAME_LONGEST).ok();
            self.frame.set_value(Some(Frame { drawn, late }));
        }
    }

    /// All that waited, oldest first; nothing is waited for any more.
    pub(super) fn take(self) -> Vec<Told> {
        if let Some(frame) = self.frame.try_update_value(Option::take).flatten() {
            frame.drawn.iter().for_each(AnimationFrameRequestHandle::cancel);
            frame.late.iter().for_each(TimeoutHandle::clear);
        }
        self.waiting.try_update_value(std::mem::take).unwrap_or_default()
    }
}
