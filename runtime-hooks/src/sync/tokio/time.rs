//! tokio's sleeps, intervals and timeouts, told of. Names and behaviour are those of [`tokio::time`].

use super::super::core::Resource;
use super::waiting::{For, Wait, Within, change_time_is_over};
use hotpoll_profile::{Library, Mode, ResourceKind};
use pin_project_lite::pin_project;
use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time as inner;

pub use tokio::time::*;

fn timer(site: &'static Location<'static>) -> Resource {
    Resource::at(ResourceKind::Timer, Library::Tokio, site)
}

pin_project! {
    /// [`tokio::time::Sleep`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Sleep {
        wait: Wait,
        resource: Resource,
        site: &'static Location<'static>,
        #[pin]
        sleep: inner::Sleep,
    }
}

impl Sleep {
    fn new(sleep: inner::Sleep, site: &'static Location<'static>) -> Self {
        Self {
            wait: Wait::default(),
            resource: timer(site),
            site,
            sleep,
        }
    }

    /// Gives it a name to go by. Before it is polled.
    pub fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::time::Sleep::deadline`].
    pub fn deadline(&self) -> Instant {
        self.sleep.deadline()
    }

    /// See [`tokio::time::Sleep::is_elapsed`].
    pub fn is_elapsed(&self) -> bool {
        self.sleep.is_elapsed()
    }

    /// See [`tokio::time::Sleep::reset`].
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        this.sleep.reset(deadline);
        this.wait.ends_at(deadline);
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = this.sleep.as_mut().poll(context);
        match polled {
            Poll::Ready(()) => this.wait.over(true),
            Poll::Pending => {
                // It gives up by itself, so to say.
                let _timed = Within::a_timeout(Some(this.sleep.deadline()));
                this.wait.pending(
                    &For::new(this.resource, Mode::Exclusive, this.site),
                    context,
                );
            }
        }
        polled
    }
}

/// See [`tokio::time::sleep`].
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(inner::sleep(duration), Location::caller())
}

/// See [`tokio::time::sleep_until`].
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(inner::sleep_until(deadline), Location::caller())
}

/// [`tokio::time::Interval`].
#[derive(Debug)]
pub struct Interval {
    wait: Wait,
    resource: Resource,
    site: &'static Location<'static>,
    /// When the next tick is due, unless ticks were missed. `None`: too far away to be told.
    next: Option<Instant>,
    interval: inner::Interval,
}

/// See [`tokio::time::interval`].
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    let site = Location::caller();
    Interval::new(inner::interval(period), Instant::now(), site)
}

/// See [`tokio::time::interval_at`].
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(inner::interval_at(start, period), start, Location::caller())
}

impl Interval {
    fn new(interval: inner::Interval, next: Instant, site: &'static Location<'static>) -> Self {
        Self {
            wait: Wait::default(),
            resource: timer(site),
            site,
            next: Some(next),
            interval,
        }
    }

    /// Gives it a name to go by. Before its first tick.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::time::Interval::tick`].
    pub async fn tick(&mut self) -> Instant {
        // The wait ends with this future, if it is dropped: the interval may live on without being polled.
        let mut wait = Wait::default();
        std::mem::swap(&mut wait, &mut self.wait);
        std::future::poll_fn(|context| {
            let polled = self.interval.poll_tick(context);
            self.told(&polled, &mut wait, context);
            polled
        })
        .await
    }

    /// See [`tokio::time::Interval::poll_tick`]. A wait that was begun so lasts until the next poll.
    pub fn poll_tick(&mut self, context: &mut Context<'_>) -> Poll<Instant> {
        let polled = self.interval.poll_tick(context);
        let mut wait = std::mem::take(&mut self.wait);
        self.told(&polled, &mut wait, context);
        self.wait = wait;
        polled
    }

    fn told(&mut self, polled: &Poll<Instant>, wait: &mut Wait, context: &Context<'_>) {
        match polled {
            Poll::Ready(tick) => {
                self.next = tick.checked_add(self.interval.period());
                wait.over(true);
            }
            Poll::Pending => {
                let _timed = Within::a_timeout(self.next);
                let what = For::new(&self.resource, Mode::Exclusive, self.site);
                wait.pending(&what, context);
            }
        }
    }

    fn next_at(&mut self, next: Option<Instant>) {
        self.next = next;
        if let Some(next) = next {
            self.wait.ends_at(next);
        }
    }

    /// See [`tokio::time::Interval::reset`].
    pub fn reset(&mut self) {
        self.interval.reset();
        self.next_at(Instant::now().checked_add(self.interval.period()));
    }

    /// See [`tokio::time::Interval::reset_immediately`].
    pub fn reset_immediately(&mut self) {
        self.interval.reset_immediately();
        self.next_at(Some(Instant::now()));
    }

    /// See [`tokio::time::Interval::reset_after`].
    pub fn reset_after(&mut self, after: Duration) {
        self.interval.reset_after(after);
        self.next_at(Instant::now().checked_add(after));
    }

    /// See [`tokio::time::Interval::reset_at`].
    pub fn reset_at(&mut self, deadline: Instant) {
        self.interval.reset_at(deadline);
        self.next_at(Some(deadline));
    }

    /// See [`tokio::time::Interval::missed_tick_behavior`].
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.interval.missed_tick_behavior()
    }

    /// See [`tokio::time::Interval::set_missed_tick_behavior`].
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.interval.set_missed_tick_behavior(behavior);
    }

    /// See [`tokio::time::Interval::period`].
    pub fn period(&self) -> Duration {
        self.interval.period()
    }
}

/// One of the two around what a timeout drops: in between it is dropped because its time is over, if it is.
#[derive(Debug, Default)]
struct Edge {
    time_is_over: bool,
    change: i32,
}

impl Drop for Edge {
    #[inline]
    fn drop(&mut self) {
        if self.time_is_over {
            change_time_is_over(self.change);
        }
    }
}

pin_project! {
    /// [`tokio::time::Timeout`]. Waits of ours inside of it tell that they give up by themselves.
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    #[derive(Debug)]
    pub struct Timeout<T> {
        // In this order: they are dropped so.
        wait: Wait,
        begin: Edge,
        #[pin]
        timeout: inner::Timeout<T>,
        end: Edge,
        resource: Resource,
        site: &'static Location<'static>,
        // None: it is too far away to be told.
        deadline: Option<Instant>,
    }
}

/// See [`tokio::time::timeout`].
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    let site = Location::caller();
    // As tokio's own does.
    match Instant::now().checked_add(duration) {
        Some(deadline) => {
            let timeout = inner::timeout_at(deadline, future);
            Timeout::new(timeout, Some(deadline), site)
        }
        None => Timeout::new(inner::timeout(duration, future), None, site),
    }
}

/// See [`tokio::time::timeout_at`].
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    let timeout = inner::timeout_at(deadline, future);
    Timeout::new(timeout, Some(deadline), Location::caller())
}

impl<T> Timeout<T> {
    fn new(
        timeout: inner::Timeout<T>,
        deadline: Option<Instant>,
        site: &'static Location<'static>,
    ) -> Self {
        let edge = |change| Edge {
            time_is_over: false,
            change,
        };
        Self {
            wait: Wait::default(),
            begin: edge(1),
            timeout,
            end: edge(-1),
            resource: timer(site),
            site,
            deadline,
        }
    }

    /// Gives it a name to go by. Before it is polled.
    pub fn named(mut self, name: &'static str) -> Self {
        self.resource.set_name(name);
        self
    }

    /// See [`tokio::time::Timeout::get_ref`].
    pub fn get_ref(&self) -> &T {
        self.timeout.get_ref()
    }

    /// See [`tokio::time::Timeout::get_mut`].
    pub fn get_mut(&mut self) -> &mut T {
        self.timeout.get_mut()
    }

    /// See [`tokio::time::Timeout::into_inner`].
    pub fn into_inner(self) -> T {
        self.timeout.into_inner()
    }
}

impl<T: Future> Future for Timeout<T> {
    type Output = Result<T::Output, error::Elapsed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _timed = Within::a_timeout(*this.deadline);
        let polled = this.timeout.poll(context);
        match &polled {
            Poll::Ready(in_time) => {
                this.wait.over(in_time.is_err());
                this.begin.time_is_over = in_time.is_err();
                this.end.time_is_over = in_time.is_err();
            }
            Poll::Pending => {
                this.wait.pending(
                    &For::new(this.resource, Mode::Exclusive, this.site),
                    context,
                );
            }
        }
        polled
    }
}
