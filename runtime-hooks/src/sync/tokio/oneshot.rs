//! tokio's channel for one value, told of. Names and behaviour are those of [`tokio::sync::oneshot`].
//!
//! Such channels come and go by the million: one is registered when somebody waits for it, and no sooner.

use super::super::core::is_on;
use super::ends::{Channel, ReceiverEnd, SenderEnd};
use super::waiting::{For, Wait, unblocked};
use hotpoll_profile::{Mode, ResourceKind};
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot as inner;

pub use tokio::sync::oneshot::error;

/// [`tokio::sync::oneshot::Sender`].
pub struct Sender<T> {
    // Before the end: when the channel is told of as closed, it is.
    inner: inner::Sender<T>,
    end: SenderEnd,
}

/// [`tokio::sync::oneshot::Receiver`].
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    wait: Wait,
    inner: inner::Receiver<T>,
    end: ReceiverEnd,
}

/// A channel that goes by the place of this call. See [`tokio::sync::oneshot::channel`].
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = inner::channel();
    let (sends, receives) = Channel::ends(ResourceKind::Oneshot, Some(1), Location::caller());
    let sender = Sender {
        inner: sender,
        end: sends,
    };
    let receiver = Receiver {
        wait: Wait::default(),
        inner: receiver,
        end: receives,
    };
    (sender, receiver)
}

impl<T> Sender<T> {
    /// Gives the channel a name to go by. Before it is used.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::oneshot::Sender::send`].
    pub fn send(self, value: T) -> Result<(), T> {
        let Self { inner, end } = self;
        end.channel().counts_sent(1);
        let sent = inner.send(value);
        if sent.is_err() {
            end.channel().did_not_send(1);
        }
        sent
    }

    /// See [`tokio::sync::oneshot::Sender::closed`].
    pub async fn closed(&mut self) {
        self.inner.closed().await;
    }

    /// See [`tokio::sync::oneshot::Sender::is_closed`].
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }

    /// See [`tokio::sync::oneshot::Sender::poll_closed`].
    pub fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.inner.poll_closed(context)
    }
}

impl<T> Receiver<T> {
    /// Gives the channel a name to go by. Before it is used.
    pub fn named(self, name: &'static str) -> Self {
        self.end.channel().resource.rename(name);
        self
    }

    /// See [`tokio::sync::oneshot::Receiver::close`].
    pub fn close(&mut self) {
        self.inner.close();
        self.end.channel().close();
    }

    /// See [`tokio::sync::oneshot::Receiver::is_terminated`].
    pub fn is_terminated(&self) -> bool {
        self.inner.is_terminated()
    }

    /// See [`tokio::sync::oneshot::Receiver::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// See [`tokio::sync::oneshot::Receiver::try_recv`].
    pub fn try_recv(&mut self) -> Result<T, error::TryRecvError> {
        let tried = self.inner.try_recv();
        match tried {
            Ok(_) => self.end.channel().receives(1),
            Err(error::TryRecvError::Empty) => {
                (self.end.channel().resource).try_failed(Mode::Shared);
            }
            Err(error::TryRecvError::Closed) => {}
        }
        tried
    }

    /// See [`tokio::sync::oneshot::Receiver::blocking_recv`].
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, error::RecvError> {
        let Self { inner, end, .. } = self;
        let what = For::receiving(end.channel(), Location::caller());
        let wait = what.blocks(|| !inner.is_empty() || inner.is_terminated());
        let value = inner.blocking_recv()?;
        unblocked(wait);
        end.channel().receives(1);
        Ok(value)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, error::RecvError>;

    // The caller of a poll is the `.await`.
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll(context);
        match &polled {
            Poll::Ready(value) => {
                this.wait.over(value.is_ok());
                if value.is_ok() {
                    this.end.channel().receives(1);
                }
            }
            Poll::Pending if is_on() => {
                let channel = this.end.channel();
                let site = in_the_program(Location::caller(), channel.site);
                this.wait.pending(&For::receiving(channel, site), context);
            }
            Poll::Pending => {}
        }
        polled
    }
}

/// Parts of the paths of those who poll for others: this crate, and what combines futures.
const POLLS_FOR_OTHERS: [&str; 5] = [
    "/tokio-",
    "/futures-",
    "/rustc/",
    "runtime-hooks/src/",
    "/hotpoll-hooks-",
];

/// Where the program awaits; or else where it made the channel, if somebody polls for it.
fn in_the_program(
    caller: &'static Location<'static>,
    made: &'static Location<'static>,
) -> &'static Location<'static> {
    let file = caller.file();
    if POLLS_FOR_OTHERS.iter().any(|part| file.contains(part)) {
        made
    } else {
        caller
    }
}

impl<T> std::fmt::Debug for Sender<T>
where
    T: std::fmt::Debug,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

impl<T> std::fmt::Debug for Receiver<T>
where
    T: std::fmt::Debug,
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}
