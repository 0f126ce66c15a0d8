//! Receivers of both channels.

use super::super::ends::ReceiverEnd;
use super::super::waiting::{For, Wait, unblocked};
use super::error::TryRecvError;
use hotpoll_profile::Mode;
use std::future::Future;
use std::panic::Location;
use std::task::{Context, Poll};
use tokio::sync::mpsc as inner;

/// Both receivers: they differ in the names, and in what only a bounded one is asked.
macro_rules! receiver {
    ($Receiver:ident, $name:literal) => {
        #[doc = concat!("[`tokio::sync::mpsc::", $name, "`].")]
        pub struct $Receiver<T> {
            /// The wait of a task that polls by hand.
            wait: Wait,
            // Before the end: when the channel is told of as closed, it is.
            inner: inner::$Receiver<T>,
            end: ReceiverEnd,
        }

        impl<T> $Receiver<T> {
            pub(super) fn new(inner: inner::$Receiver<T>, end: ReceiverEnd) -> Self {
                Self {
                    wait: Wait::default(),
                    inner,
                    end,
                }
            }

            /// Gives the channel a name to go by. Before it is used.
            #[must_use]
            pub fn named(self, name: &'static str) -> Self {
                self.end.channel().resource.rename(name);
                self
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::recv`].")]
            #[track_caller]
            pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
                let site = Location::caller();
                async move {
                    self.wait.over(false);
                    let channel = self.end.channel();
                    let what = For::receiving(channel, site);
                    let value = what.wait(self.inner.recv(), Option::is_some).await;
                    if value.is_some() {
                        channel.receives(1);
                    }
                    value
                }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::recv_many`].")]
            #[track_caller]
            pub fn recv_many(
                &mut self,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> impl Future<Output = usize> {
                let site = Location::caller();
                async move {
                    self.wait.over(false);
                    let channel = self.end.channel();
                    let what = For::receiving(channel, site);
                    let receive = self.inner.recv_many(buffer, limit);
                    let received = what.wait(receive, |&received| received > 0).await;
                    if received > 0 {
                        channel.receives(received as u64);
                    }
                    received
                }
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::try_recv`].")]
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                let tried = self.inner.try_recv();
                let channel = self.end.channel();
                match tried {
                    Ok(_) => channel.receives(1),
                    Err(TryRecvError::Empty) => channel.resource.try_failed(Mode::Shared),
                    Err(TryRecvError::Disconnected) => {}
                }
                tried
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::blocking_recv`].")]
            #[track_caller]
            pub fn blocking_recv(&mut self) -> Option<T> {
                let site = Location::caller();
                let channel = self.end.channel();
                let what = For::receiving(channel, site);
                let wait = what.blocks(|| !self.inner.is_empty() || self.inner.is_closed());
                let value = self.inner.blocking_recv();
                if value.is_some() {
                    unblocked(wait);
                    channel.receives(1);
                }
                value
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::blocking_recv_many`].")]
            #[track_caller]
            pub fn blocking_recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
                let site = Location::caller();
                let channel = self.end.channel();
                let what = For::receiving(channel, site);
                let wait = what.blocks(|| {
                    limit == 0 || !self.inner.is_empty() || self.inner.is_closed()
                });
                let received = self.inner.blocking_recv_many(buffer, limit);
                if received > 0 {
                    unblocked(wait);
                    channel.receives(received as u64);
                }
                received
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::close`].")]
            pub fn close(&mut self) {
                self.inner.close();
                self.end.channel().close();
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::is_closed`].")]
            pub fn is_closed(&self) -> bool {
                self.inner.is_closed()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::is_empty`].")]
            pub fn is_empty(&self) -> bool {
                self.inner.is_empty()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::len`].")]
            pub fn len(&self) -> usize {
                self.inner.len()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::poll_recv`]. A wait that was begun so lasts until the next poll, or until the receiver is dropped.")]
            #[track_caller]
            pub fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
                let polled = self.inner.poll_recv(context);
                let channel = self.end.channel();
                match &polled {
                    Poll::Ready(value) => {
                        self.wait.over(value.is_some());
                        if value.is_some() {
                            channel.receives(1);
                        }
                    }
                    Poll::Pending => {
                        let what = For::receiving(channel, Location::caller());
                        self.wait.pending(&what, context);
                    }
                }
                polled
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::poll_recv_many`]. A wait that was begun so lasts until the next poll, or until the receiver is dropped.")]
            #[track_caller]
            pub fn poll_recv_many(
                &mut self,
                context: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                let polled = self.inner.poll_recv_many(context, buffer, limit);
                let channel = self.end.channel();
                match polled {
                    Poll::Ready(received) => {
                        self.wait.over(received > 0);
                        if received > 0 {
                            channel.receives(received as u64);
                        }
                    }
                    Poll::Pending => {
                        let what = For::receiving(channel, Location::caller());
                        self.wait.pending(&what, context);
                    }
                }
                polled
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::sender_strong_count`].")]
            pub fn sender_strong_count(&self) -> usize {
                self.inner.sender_strong_count()
            }

            #[doc = concat!("See [`tokio::sync::mpsc::", $name, "::sender_weak_count`].")]
            pub fn sender_weak_count(&self) -> usize {
                self.inner.sender_weak_count()
            }
        }

        impl<T> std::fmt::Debug for $Receiver<T> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.inner.fmt(f)
            }
        }
    };
}

receiver!(Receiver, "Receiver");
receiver!(UnboundedReceiver, "UnboundedReceiver");

impl<T> Receiver<T> {
    /// See [`tokio::sync::mpsc::Receiver::capacity`].
    pub fn capacity(&self) -> usize {
        self.inner.capacity()
    }

    /// See [`tokio::sync::mpsc::Receiver::max_capacity`].
    pub fn max_capacity(&self) -> usize {
        self.inner.max_capacity()
    }
}
