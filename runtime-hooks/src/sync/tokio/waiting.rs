//! A future of tokio's that may wait: told of from its first pending poll to its end.

use super::super::GivesUp;
use super::super::core::{Blocking, HoldToken, Resource, WaitToken, is_on};
use super::ends::Channel;
use crate::tasks::is_a_sets;
use hotpoll_profile::Mode;
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Instant;

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct For<'a> {
    pub resource: &'a Resource,
    pub mode: Mode,
    /// Permits; else 1.
    pub amount: u64,
    pub site: &'static Location<'static>,
    /// If it is one: it tells of itself when somebody waits.
    channel: Option<&'a Channel>,
}

impl<'a> For<'a> {
    pub fn new(resource: &'a Resource, mode: Mode, site: &'static Location<'static>) -> Self {
        Self {
            resource,
            mode,
            amount: 1,
            site,
            channel: None,
        }
    }

    /// Waits for room in a channel.
    pub fn sending(channel: &'a Channel, site: &'static Location<'static>) -> Self {
        Self {
            channel: Some(channel),
            ..Self::new(&channel.resource, Mode::Exclusive, site)
        }
    }

    /// Waits for what comes out of a channel.
    pub fn receiving(channel: &'a Channel, site: &'static Location<'static>) -> Self {
        Self {
            channel: Some(channel),
            ..Self::new(&channel.resource, Mode::Shared, site)
        }
    }

    pub fn amount(self, amount: u64) -> Self {
        Self { amount, ..self }
    }

    /// Waits in this future of tokio's. What it returns says whether that was what it waited for: a channel may be closed instead.
    pub fn wait<F: Future>(self, inner: F, got: fn(&F::Output) -> bool) -> Waiting<'a, F> {
        Waiting {
            wait: Wait::default(),
            what: self,
            got,
            inner,
        }
    }

    /// The calling thread is about to block, unless it would not have to: then there is nothing to tell.
    pub fn blocks(&self, would_not: impl FnOnce() -> bool) -> Option<Blocking> {
        if !is_on() || would_not() {
            return None;
        }
        self.tell_channel();
        Some(
            self.resource
                .begin_block(self.mode, GivesUp::Never, self.site),
        )
    }

    fn tell_channel(&self) {
        if let Some(channel) = self.channel {
            channel.tell(true);
            if self.mode == Mode::Shared {
                self.resource.receiving();
            }
        }
    }
}

/// The thread has what it blocked for.
pub(super) fn unblocked(wait: Option<Blocking>) {
    if let Some(wait) = wait {
        wait.got();
    }
}

/// A wait that was told of, if there is one. Dropped before its end it was cancelled, or its time was over.
#[derive(Debug, Default)]
pub(super) struct Wait(WaitToken);

impl Wait {
    /// The poll came back pending.
    #[inline]
    pub fn pending(&mut self, what: &For<'_>, context: &Context<'_>) {
        if is_on() {
            self.pends(what, is_a_sets(context.waker()));
        }
    }

    #[cold]
    fn pends(&mut self, what: &For<'_>, in_set: bool) {
        if self.0.is_told() {
            self.0.polled(in_set);
            return;
        }
        // The task has had its share, and has not even looked: it does not wait.
        if !tokio::task::coop::has_budget_remaining() {
            return;
        }
        let timed = TIMED.get() > 0;
        what.tell_channel();
        self.0 = (what.resource).begin_wait(what.mode, what.amount, timed, in_set, what.site);
        if let Some(deadline) = DEADLINE.get() {
            self.ends_at(deadline);
        }
    }

    /// What is waited for is due then, or nothing is waited for any longer.
    pub fn ends_at(&self, deadline: Instant) {
        if self.0.is_told() {
            self.0
                .ends_in(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// The wait is over.
    #[inline]
    pub fn over(&mut self, got: bool) {
        if !self.0.is_told() {
            return;
        }
        let token = std::mem::take(&mut self.0);
        if got {
            token.got();
        }
    }

    /// Its time is over.
    pub fn timed_out(&mut self) {
        std::mem::take(&mut self.0).timed_out();
    }
}

impl Drop for Wait {
    #[inline]
    fn drop(&mut self) {
        if self.0.is_told() && TIME_IS_OVER.get() > 0 {
            self.timed_out();
        }
    }
}

thread_local! {
    /// How many timeouts of ours are around what is being polled.
    static TIMED: Cell<u32> = const { Cell::new(0) };
    /// When the first of them runs out, where that is known.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
    /// What is being dropped was in a timeout that ran out.
    static TIME_IS_OVER: Cell<u32> = const { Cell::new(0) };
    /// Whether the wait that was over last on this thread was one of a set's futures.
    static WAS_IN_SET: Cell<bool> = const { Cell::new(false) };
}

/// What was acquired by awaiting a [`Waiting`], in the same poll.
#[inline]
pub(super) fn awaited(hold: HoldToken) -> HoldToken {
    if WAS_IN_SET.get() {
        return hold.in_set();
    }
    hold
}

/// What was acquired by blocking the thread. Where a runtime says that it polls a task, that need not be the thread's for long.
pub(super) fn blocked(hold: HoldToken) -> HoldToken {
    if is_on() && tokio::task::try_id().is_none() {
        return hold.by_thread();
    }
    hold
}

/// What is polled while this lives is in a timeout.
#[derive(Debug)]
pub(super) struct Within {
    /// When the one around it runs out.
    around: Option<Instant>,
}

impl Within {
    /// Waits that begin now give up by themselves: at this time, or when a timeout around this one runs out.
    #[inline]
    pub fn a_timeout(deadline: Option<Instant>) -> Self {
        TIMED.set(TIMED.get() + 1);
        let around = DEADLINE.get();
        let first = match (around, deadline) {
            (Some(around), Some(deadline)) => Some(around.min(deadline)),
            (around, deadline) => around.or(deadline),
        };
        DEADLINE.set(first);
        Self { around }
    }
}

impl Drop for Within {
    #[inline]
    fn drop(&mut self) {
        TIMED.set(TIMED.get() - 1);
        DEADLINE.set(self.around);
    }
}

/// What is dropped from now on is dropped because its time is over, or is not any more.
#[cold]
pub(super) fn change_time_is_over(change: i32) {
    TIME_IS_OVER.set(TIME_IS_OVER.get().saturating_add_signed(change));
}

pin_project! {
    /// A future that may wait.
    pub(super) struct Waiting<'a, F: Future> {
        // Before the future: its record is free before a waker of the program's runs.
        wait: Wait,
        what: For<'a>,
        got: fn(&F::Output) -> bool,
        #[pin]
        inner: F,
    }
}

impl<F: Future> Waiting<'_, F> {
    /// Its time is over.
    pub fn timed_out(self: Pin<&mut Self>) {
        self.project().wait.timed_out();
    }
}

impl<F: Future> Future for Waiting<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.inner.poll(context) {
            Poll::Ready(output) => {
                let got = (this.got)(&output);
                if got && this.wait.0.is_told() {
                    this.what.resource.has_granted();
                }
                this.wait.over(got);
                WAS_IN_SET.set(is_on() && is_a_sets(context.waker()));
                Poll::Ready(output)
            }
            Poll::Pending => {
                this.wait.pending(this.what, context);
                Poll::Pending
            }
        }
    }
}

/// It always got what it waited for.
pub(super) fn always<T>(_: &T) -> bool {
    true
}
