//! The socket thread: one loop around `poll`, and a bounded number of clients.

use super::answer;
use super::client::Client;
use super::directory::{Listening, bind, remove_stale};
use super::kept::Kept;
use super::sys::{self, Interest};
use crate::agent::{Refreshing, Shared};
use hotpoll_profile::protocol::{ErrorCode, ErrorReply, Request};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Clients at a time; the next one gets a sentence.
const MOST_CLIENTS: usize = 64;
/// At most one part in so many of the process's descriptors goes to clients.
const DESCRIPTOR_SHARE: u64 = 16;
/// No answer is made while so many bytes of earlier ones are not yet taken.
const MOST_HELD_BYTES: usize = 16 << 20;
/// After an answer comes a rest of so many times the processor's time that it took: clients that ask without end get a quarter of a core. By the wall an answer
/// on a crowded machine takes seconds, and who asked in the rest after that gave up.
const REST: u32 = 3;
/// How long to leave the listener alone when the process has no descriptor left.
const ACCEPT_REST: Duration = Duration::from_secs(1);
/// Connections taken before the others have their turn.
const ACCEPTED_AT_ONCE: usize = 16;

/// The host may close our descriptors at any time: this is how long that goes unnoticed.
const MOST_PATIENCE: Duration = Duration::from_secs(1);
/// The same for what else the waker would have told, once it is closed.
const PATIENCE_WITHOUT_WAKER: Duration = Duration::from_millis(50);

/// The socket thread's state.
pub(crate) struct Server {
    listener: Kept<UnixListener>,
    path: PathBuf,
    shared: Arc<Shared>,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    most_clients: usize,
    accept_after: Instant,
    /// When to listen again, should the host have closed the listener.
    listen_after: Instant,
    answer_after: Instant,
    /// Tasks are being asked where they wait.
    refreshing: Option<Refreshing>,
    /// When the last time began that all were asked.
    refreshed: Option<Instant>,
}

impl Server {
    /// Serves what was bound, once [`Server::run`] is called.
    pub fn new(listening: Listening, shared: Arc<Shared>) -> Self {
        let _ = shared.socket_path.set(listening.path.clone());
        let share = (sys::descriptor_limit() / DESCRIPTOR_SHARE).max(1);
        let now = Instant::now();
        Self {
            listener: Kept::new(listening.listener),
            path: listening.path,
            shared,
            clients: BTreeMap::new(),
            next_client: 0,
            most_clients: MOST_CLIENTS.min(usize::try_from(share).unwrap_or(MOST_CLIENTS)),
            accept_after: now,
            listen_after: now,
            answer_after: now,
            refreshing: None,
            refreshed: None,
        }
    }

    /// Serves until the agent ends.
    pub fn run(mut self) {
        if let Some(directory) = self.path.parent() {
            remove_stale(directory);
        }
        while !self.shared.progress.is_stopping() {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let ids: Vec<u64> = self.clients.keys().copied().collect();
        let now = Instant::now();
        self.listen_again(now);
        let waker = self.shared.waker.reader();
        let listener = self.listener.get().map(AsFd::as_fd);
        let mut interests = vec![
            Interest::new(waker, true, false),
            Interest::new(listener, now >= self.accept_after, false),
        ];
        interests.extend(ids.iter().map(|id| self.clients[id].interest()));
        sys::poll(&mut interests, self.patience(now));
        self.shared.waker.rest();
        for (id, interest) in ids.iter().zip(&interests[2..]) {
            if let Some(client) = self.clients.get_mut(id) {
                if interest.is_readable() {
                    client.read();
                }
                if interest.is_writable() {
                    client.write();
                }
                // What came before the end was read first; the rest of it is of no use.
                client.expire(interest.is_gone() && !interest.is_readable());
            }
        }
        self.refresh();
        self.answer_one();
        self.clients.retain(|_, client| !client.is_over());
        if interests[1].is_readable() {
            self.accept();
        }
    }

    /// How long nothing needs to be done unless something happens.
    fn patience(&self, now: Instant) -> Duration {
        let clients = self.clients.values();
        let deadlines = clients.clone().filter_map(Client::deadline);
        let answers = clients.filter_map(Client::request).map(|(request, since)| {
            let waits_for = (self.refreshing.as_ref())
                .filter(|_| self.wants_refresh(request, since))
                .map(Refreshing::next);
            waits_for.unwrap_or_else(|| {
                answer::ready_at(request, since, &self.shared).max(self.answer_after)
            })
        });
        let accept = (self.accept_after > now).then_some(self.accept_after);
        let most = match self.shared.waker.reader() {
            Some(_) => MOST_PATIENCE,
            None => PATIENCE_WITHOUT_WAKER,
        };
        let next = deadlines.chain(answers).chain(accept).min();
        next.map_or(most, |next| next.saturating_duration_since(now).min(most))
    }

    /// A host that closes all descriptors closes the listener too; then it is bound anew, at most once a second.
    fn listen_again(&mut self, now: Instant) {
        if self.listener.get().is_some() || now < self.listen_after {
            return;
        }
        self.listen_after = now + MOST_PATIENCE;
        let facts = &self.shared.facts;
        match bind(facts.pid, facts.start_ticks) {
            Ok(listening) => {
                self.listener = Kept::new(listening.listener);
                self.path = listening.path;
            }
            Err(reason) => self.shared.notice(format!(
                "the program has closed hotpoll's socket, and another cannot be made ({reason}): the command cannot reach it"
            )),
        }
    }

    fn accept(&mut self) {
        for _ in 0..ACCEPTED_AT_ONCE {
            let Some(listener) = self.listener.get() else {
                return;
            };
            match listener.accept() {
                Ok((stream, _)) => self.welcome(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // No descriptor left, say. The connection stays in the queue, and polling for it now would spin.
                    self.accept_after = Instant::now() + ACCEPT_REST;
                    return;
                }
            }
        }
    }

    fn welcome(&mut self, stream: UnixStream) {
        let (Ok(uid), Ok(())) = (sys::peer_uid(&stream), stream.set_nonblocking(true)) else {
            return;
        };
        let own = sys::own_uid();
        let client = Client::new(stream);
        if uid != own && uid != 0 {
            let sentence =
                format!("this process belongs to user {own}: run hotpoll as that user or as root");
            return client.refuse(ErrorReply::new(ErrorCode::Other, sentence));
        }
        if self.clients.len() >= self.most_clients {
            let sentence = format!(
                "{} clients are being served by this process: try again in a moment",
                self.clients.len()
            );
            return client.refuse(ErrorReply::new(ErrorCode::Busy, sentence));
        }
        self.clients.insert(self.next_client, client);
        self.next_client += 1;
    }

    /// Whether tasks must yet show where they wait before this is answered.
    fn wants_refresh(&self, request: &Request, since: Instant) -> bool {
        answer::wants_refresh(request) && self.refreshed.is_none_or(|began| began < since)
    }

    /// Has tasks show where they wait, a little in each turn, while somebody wants it.
    fn refresh(&mut self) {
        let mut requests = self.clients.values().filter_map(Client::request);
        if !requests.any(|(request, since)| self.wants_refresh(request, since)) {
            self.refreshing = None;
            return;
        }
        let now = Instant::now();
        let refreshing = (self.refreshing).get_or_insert_with(|| Refreshing::begin(now));
        if refreshing.go_on(now) {
            self.refreshed = Some(refreshing.began());
            self.refreshing = None;
        }
    }

    /// Answers the client that has waited longest of those whose answer is ready.
    fn answer_one(&mut self) {
        let held: usize = self.clients.values().map(Client::held_bytes).sum();
        let began = Instant::now();
        if held > MOST_HELD_BYTES || began < self.answer_after {
            return;
        }
        let ready = |(request, since)| {
            !self.wants_refresh(request, since)
                && answer::ready_at(request, since, &self.shared) <= began
        };
        let waiting = self.clients.iter();
        let waiting = waiting.filter_map(|(id, client)| Some((id, client.request()?)));
        let first = waiting
            .filter(|(_, request)| ready(*request))
            .min_by_key(|(_, (_, since))| *since)
            .map(|(id, _)| *id);
        if let Some(client) = first.and_then(|id| self.clients.get_mut(&id))
            && let Some((request, _)) = client.request()
        {
            let before_ns = hotpoll_sampler::thread_cpu_ns();
            let response = answer::answer(request, &self.shared);
            client.answer(response);
            let took_ns = hotpoll_sampler::thread_cpu_ns().saturating_sub(before_ns);
            self.answer_after = Instant::now() + Duration::from_nanos(took_ns) * REST;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A forked child never gets here: this thread is not in it.
        let _ = std::fs::remove_file(&self.path);
    }
}
