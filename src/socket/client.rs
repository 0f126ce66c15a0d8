//! One connection: a request is read, its answer is written, and so on.

use super::kept::Kept;
use super::sys;
use hotpoll_profile::protocol::{ErrorReply, FrameDecoder, Request, Response};
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A request must be whole within this, from the connection or the request before.
const REQUEST_PATIENCE: Duration = Duration::from_secs(3);
/// A client that has asked once may think for so long before it asks again.
const IDLE_PATIENCE: Duration = Duration::from_secs(10);
/// Something of an answer must be taken within this …
const PROGRESS_PATIENCE: Duration = Duration::from_secs(3);
/// … and all of it within this.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// Read at a time: requests are small.
const READ_BYTES: usize = 4096;

/// A connection and where it stands.
#[derive(Debug)]
pub(super) struct Client {
    stream: Kept<UnixStream>,
    decoder: FrameDecoder,
    turn: Turn,
    /// The other side sends nothing any more; it may still read.
    sent_all: bool,
    /// The stream cannot be understood any further.
    last_answer: bool,
    asked_before: bool,
}

/// Whose turn it is.
#[derive(Debug)]
enum Turn {
    /// The client's, to send a request.
    Request { until: Instant },
    /// Ours, to answer.
    Answer { request: Request, since: Instant },
    /// The client's, to read.
    Reading {
        bytes: Vec<u8>,
        sent: usize,
        progress_until: Instant,
        until: Instant,
    },
    /// Nobody's.
    Over,
}

impl Client {
    /// A connection just accepted.
    pub fn new(stream: UnixStream) -> Self {
        Self {
            stream: Kept::new(stream),
            decoder: FrameDecoder::for_requests(),
            turn: Turn::Request {
                until: Instant::now() + REQUEST_PATIENCE,
            },
            sent_all: false,
            last_answer: false,
            asked_before: false,
        }
    }

    /// What to wait for.
    pub fn interest(&self) -> sys::Interest {
        use std::os::fd::AsFd;
        let readable = matches!(self.turn, Turn::Request { .. }) && !self.sent_all;
        let writable = matches!(self.turn, Turn::Reading { .. });
        sys::Interest::new(self.stream.get().map(AsFd::as_fd), readable, writable)
    }

    /// When to look at it again at the latest; `None` while it is our turn.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.turn {
            Turn::Request { until } => Some(*until),
            Turn::Reading {
                progress_until,
                until,
                ..
            } => Some(*progress_until.min(until)),
            Turn::Answer { .. } | Turn::Over => None,
        }
    }

    /// Whether the place is free again.
    pub fn is_over(&self) -> bool {
        matches!(self.turn, Turn::Over)
    }

    /// The request that waits for an answer, and since when.
    pub fn request(&self) -> Option<(&Request, Instant)> {
        match &self.turn {
            Turn::Answer { request, since } => Some((request, *since)),
            _ => None,
        }
    }

    /// Bytes of an answer that are held for it.
    pub fn held_bytes(&self) -> usize {
        match &self.turn {
            Turn::Reading { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// Lets go of a client that is gone, or too slow, or that the host has cut off.
    pub fn expire(&mut self, gone: bool) {
        if gone
            || self.stream.get().is_none()
            || self
                .deadline()
                .is_some_and(|deadline| Instant::now() >= deadline)
        {
            self.turn = Turn::Over;
        }
    }

    /// Reads what there is.
    pub fn read(&mut self) {
        let Some(mut stream) = self.stream.get() else {
            self.turn = Turn::Over;
            return;
        };
        let mut bytes = [0; READ_BYTES];
        match stream.read(&mut bytes) {
            Ok(0) => self.sent_all = true,
            Ok(read) => self.decoder.push(&bytes[..read]),
            Err(error) if is_for_later(error.kind()) => return,
            Err(_) => {
                self.turn = Turn::Over;
                return;
            }
        }
        self.understand();
    }

    /// Looks for a whole request in what was read.
    fn understand(&mut self) {
        match self.decoder.next() {
            Ok(Some(frame)) => match Request::from_frame(&frame) {
                Ok(request) => {
                    self.asked_before = true;
                    let since = Instant::now();
                    self.turn = Turn::Answer { request, since };
                }
                Err(error) => self.answer(Response::Error(ErrorReply::from(error))),
            },
            Ok(None) if self.sent_all => self.turn = Turn::Over,
            Ok(None) => {}
            Err(error) => {
                self.last_answer = true;
                self.answer(Response::Error(ErrorReply::from(error)));
            }
        }
    }

    /// Takes the answer to the request, and sends what fits.
    pub fn answer(&mut self, response: Response) {
        let now = Instant::now();
        self.turn = Turn::Reading {
            bytes: response.encode(),
            sent: 0,
            progress_until: now + PROGRESS_PATIENCE,
            until: now + ANSWER_PATIENCE,
        };
        self.write();
    }

    /// One sentence, and the end.
    pub fn refuse(mut self, reply: ErrorReply) {
        self.answer(Response::Error(reply));
    }

    /// Sends what fits.
    pub fn write(&mut self) {
        let Turn::Reading {
            bytes,
            sent,
            progress_until,
            ..
        } = &mut self.turn
        else {
            return;
        };
        let Some(stream) = self.stream.get() else {
            self.turn = Turn::Over;
            return;
        };
        while *sent < bytes.len() {
            match sys::send(stream, &bytes[*sent..]) {
                Ok(taken) => {
                    *sent += taken;
                    *progress_until = Instant::now() + PROGRESS_PATIENCE;
                }
                Err(error) if is_for_later(error.kind()) => return,
                Err(_) => {
                    self.turn = Turn::Over;
                    return;
                }
            }
        }
        if self.last_answer {
            self.turn = Turn::Over;
            return;
        }
        let patience = if self.asked_before {
            IDLE_PATIENCE
        } else {
            REQUEST_PATIENCE
        };
        self.turn = Turn::Request {
            until: Instant::now() + patience,
        };
        // The next one may have come with the last.
        self.understand();
    }
}

fn is_for_later(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
