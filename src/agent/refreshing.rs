//! Having tasks that wait take their stacks anew, bit by bit: whoever serves others meanwhile goes on with it now and then.
//!
//! Each task is woken once, and shows where it is when it is polled. A worker that is blocked polls none; those tasks keep the stacks that they have.

#[cfg(feature = "tokio")]
use hotpoll_hooks::tasks::Refresh;
#[cfg(feature = "tokio")]
use std::time::Duration;
use std::time::Instant;

/// Tasks woken at a time, and the pause after each time: the program has other work, too.
#[cfg(feature = "tokio")]
const BATCH: usize = 500;
#[cfg(feature = "tokio")]
const PAUSE: Duration = Duration::from_millis(1);
/// How long the last ones have to be polled.
#[cfg(feature = "tokio")]
const SETTLE: Duration = Duration::from_millis(50);

/// One that is under way.
#[derive(Debug)]
pub(crate) struct Refreshing {
    began: Instant,
    /// `None` once all were woken.
    #[cfg(feature = "tokio")]
    waking: Option<Refresh>,
    next: Instant,
}

impl Refreshing {
    /// Begins; nobody is woken yet.
    pub fn begin(now: Instant) -> Self {
        Self {
            began: now,
            #[cfg(feature = "tokio")]
            waking: Some(Refresh::begin()),
            next: now,
        }
    }

    /// When it began: it is good for who asked before that.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// When to go on.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Goes on a little if it is time. True when it is done.
    #[cfg(feature = "tokio")]
    pub fn go_on(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let Some(waking) = &mut self.waking else {
            return true;
        };
        if waking.step(BATCH) {
            self.next = Instant::now() + PAUSE;
            return false;
        }
        let was_any = waking.woken() > 0;
        self.waking = None;
        self.next = Instant::now() + if was_any { SETTLE } else { Duration::ZERO };
        !was_any
    }

    /// Without hooks there is nobody to wake.
    #[cfg(not(feature = "tokio"))]
    pub fn go_on(&mut self, _: Instant) -> bool {
        true
    }
}
