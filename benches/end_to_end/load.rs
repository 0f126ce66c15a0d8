//! The load: one thread that never sleeps, so that it learns of every answer at once.

use crate::server::{ECHO_BYTES, Server, Workload};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 32;
/// Readiness taken from the kernel at once.
const EVENTS: usize = CONNECTIONS;
/// Requests at a fixed rate are judged by windows of this length: a machine that takes the processor away for some milliseconds, once, otherwise decides
/// on the 99th percentile of all. Hotpoll's threads run some 200 times a second, so they are in every window; what they do once a second (closing a slice:
/// a part in a thousand of the time at most) is below a 99th percentile anyway.
const WINDOW: Duration = Duration::from_millis(20);
/// A load that has not looked for answers for so long was off its processor: what it measured then is its own.
const LOST: Duration = Duration::from_micros(50);
/// No answer takes so long: something is wrong.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to one server, none of them in the middle of a request between two calls.
pub struct Load {
    connections: Vec<Connection>,
    epoll: OwnedFd,
    request: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// Since when a request is due whose answer is awaited.
    since: Option<Instant>,
    /// Of its answer, bytes that have come.
    come: usize,
    /// Bytes of each answer: the first one tells.
    answer: usize,
}

/// What came of it.
pub struct Answers {
    pub requests: u64,
    took: Duration,
    /// The share of looks for answers that found none.
    pub waits: f64,
    latencies_ns: Vec<u64>,
    /// Of requests at a fixed rate: those due in each undisturbed [`WINDOW`].
    windows: Vec<Vec<u64>>,
    /// The share of windows in which the load itself lost its processor.
    pub disturbed: f64,
}

impl Answers {
    pub fn requests_a_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    pub fn quantile_us(&mut self, quantile: f64) -> f64 {
        quantile_us(&mut self.latencies_ns, quantile)
    }

    /// The median of the windows' quantiles. 0 where each was disturbed.
    pub fn window_quantile_us(&mut self, quantile: f64) -> f64 {
        let windows = self.windows.iter_mut();
        let mut quantiles: Vec<f64> = windows
            .map(|window| quantile_us(window, quantile))
            .collect();
        match quantiles.is_empty() {
            true => 0.0,
            false => crate::support::median(&mut quantiles),
        }
    }
}

fn quantile_us(latencies_ns: &mut [u64], quantile: f64) -> f64 {
    let last = latencies_ns.len().saturating_sub(1);
    let place = (last as f64 * quantile).ceil() as usize;
    let (_, value, _) = latencies_ns.select_nth_unstable(place);
    *value as f64 / 1e3
}

impl Load {
    pub fn connect(server: &Server, workload: Workload) -> io::Result<Self> {
        let request = match workload {
            Workload::Echo => vec![b'x'; ECHO_BYTES],
            Workload::Axum => b"GET /price HTTP/1.1\r\nhost: shop\r\n\r\n".to_vec(),
        };
        // SAFETY: a descriptor of our own, or an error.
        let epoll = match unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) } {
            -1 => return Err(io::Error::last_os_error()),
            // SAFETY: as above.
            descriptor => unsafe { OwnedFd::from_raw_fd(descriptor) },
        };
        let mut connections = Vec::new();
        for place in 0..CONNECTIONS {
            let mut stream = TcpStream::connect(server.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let answer = first_answer(&mut stream, &request, workload)?;
            stream.set_nonblocking(true)?;
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: place as u64,
            };
            let (epoll, stream_fd) = (epoll.as_raw_fd(), stream.as_raw_fd());
            // SAFETY: both descriptors are open, and the event is valid during the call.
            if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, stream_fd, &mut event) } != 0 {
                return Err(io::Error::last_os_error());
            }
            connections.push(Connection {
                stream,
                since: None,
                come: 0,
                answer,
            });
        }
        Ok(Self {
            connections,
            epoll,
            request,
        })
    }

    /// Each connection asks again as soon as it is answered, for so long.
    pub fn as_many_as_it_answers(&mut self, time: Duration) -> io::Result<Answers> {
        let begun = Instant::now();
        let until = begun + time;
        let mut answers = Answers::none();
        let mut looks = Looks::default();
        for place in 0..self.connections.len() {
            self.ask(place, begun)?;
        }
        let mut open = self.connections.len();
        while open > 0 {
            let events = looks.look(&self.epoll, begun)?;
            let now = Instant::now();
            for place in events {
                let Some(since) = self.read(place)? else {
                    continue;
                };
                if now < until {
                    answers.add(since, now);
                    self.ask(place, now)?;
                } else {
                    // The last of each are awaited, and not counted.
                    open -= 1;
                }
            }
        }
        answers.took = time;
        answers.waits = looks.empty as f64 / looks.all.max(1) as f64;
        Ok(answers)
    }

    /// So many requests a second, due at even times whether or not the ones before are answered: a request that finds no connection free waits
    /// for one, and its time runs.
    pub fn at_a_rate(&mut self, rate: f64, time: Duration) -> io::Result<Answers> {
        let begun = Instant::now();
        let all = (rate * time.as_secs_f64()) as u64;
        let due = |number: u64| begun + Duration::from_secs_f64(number as f64 / rate);
        let mut answers = Answers::none();
        let mut looks = Looks::default();
        let windows = (time.as_secs_f64() / WINDOW.as_secs_f64()) as usize;
        let mut windows = vec![(Vec::new(), false); windows];
        let window_of = |at: Instant| ((at - begun).as_secs_f64() / WINDOW.as_secs_f64()) as usize;
        let mut looked = begun;
        // Used in turns, not the warmest again and again.
        let mut free: VecDeque<usize> = (0..self.connections.len()).collect();
        let mut asked = 0;
        while answers.requests < all {
            let now = Instant::now();
            if now - looked > LOST {
                // What was due meanwhile, and what waits behind it.
                for window in window_of(looked)..=window_of(now) {
                    if let Some((_, disturbed)) = windows.get_mut(window) {
                        *disturbed = true;
                    }
                }
            }
            looked = now;
            while asked < all && due(asked) <= Instant::now() {
                let Some(place) = free.pop_front() else { break };
                self.ask(place, due(asked))?;
                asked += 1;
            }
            for place in looks.look(&self.epoll, begun)? {
                if let Some(since) = self.read(place)? {
                    let now = Instant::now();
                    answers.add(since, now);
                    if let Some((window, _)) = windows.get_mut(window_of(since)) {
                        window.push((now - since).as_nanos() as u64);
                    }
                    free.push_back(place);
                }
            }
        }
        let disturbed = windows.iter().filter(|(_, disturbed)| *disturbed).count();
        answers.disturbed = disturbed as f64 / windows.len().max(1) as f64;
        answers.windows = windows
            .into_iter()
            .filter(|(window, disturbed)| !disturbed && !window.is_empty())
            .map(|(window, _)| window)
            .collect();
        answers.took = begun.elapsed();
        answers.waits = looks.empty as f64 / looks.all.max(1) as f64;
        Ok(answers)
    }

    fn ask(&mut self, place: usize, due: Instant) -> io::Result<()> {
        let connection = &mut self.connections[place];
        connection.since = Some(due);
        connection.come = 0;
        // A request is small, and no other one of this connection is under way: it fits.
        connection.stream.write_all(&self.request)
    }

    /// Reads what there is; since when the request was due, if its answer is whole.
    fn read(&mut self, place: usize) -> io::Result<Option<Instant>> {
        let connection = &mut self.connections[place];
        let mut bytes = [0; 4096];
        match connection.stream.read(&mut bytes) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                connection.come += read;
                match connection.come.cmp(&connection.answer) {
                    std::cmp::Ordering::Less => Ok(None),
                    std::cmp::Ordering::Equal => Ok(connection.since.take()),
                    std::cmp::Ordering::Greater => Err(io::Error::other("more than one answer")),
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Answers {
    fn none() -> Self {
        Self {
            requests: 0,
            took: Duration::ZERO,
            waits: 0.0,
            latencies_ns: Vec::new(),
            windows: Vec::new(),
            disturbed: 0.0,
        }
    }

    fn add(&mut self, since: Instant, now: Instant) {
        self.requests += 1;
        self.latencies_ns.push((now - since).as_nanos() as u64);
    }
}

/// Asks the kernel who has something, without sleeping.
#[derive(Default)]
struct Looks {
    all: u64,
    empty: u64,
}

impl Looks {
    fn look(&mut self, epoll: &OwnedFd, begun: Instant) -> io::Result<Vec<usize>> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: the buffer is valid for that many events.
        let ready = unsafe {
            libc::epoll_wait(
                epoll.as_raw_fd(),
                events.as_mut_ptr(),
                EVENTS as libc::c_int,
                0,
            )
        };
        if ready < 0 {
            return Err(io::Error::last_os_error());
        }
        self.all += 1;
        self.empty += u64::from(ready == 0);
        if self.all.is_multiple_of(4096) && begun.elapsed() > PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(events[..ready as usize]
            .iter()
            .map(|event| event.u64 as usize)
            .collect())
    }
}

/// Asks once and returns how long the answer is; it must be the right one.
fn first_answer(stream: &mut TcpStream, request: &[u8], workload: Workload) -> io::Result<usize> {
    stream.write_all(request)?;
    let mut answer = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let read = stream.read(&mut bytes)?;
        answer.extend_from_slice(&bytes[..read]);
        let whole = match workload {
            Workload::Echo => answer == request,
            Workload::Axum => {
                answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b" letters\n")
            }
        };
        if whole {
            return Ok(answer.len());
        }
        if read == 0 || answer.len() > bytes.len() {
            return Err(io::Error::other(format!(
                "not the answer expected: {:?}",
                String::from_utf8_lossy(&answer)
            )));
        }
    }
}
