//! The conversation with one live process.

use super::discover::{self, Endpoint};
use super::process::{self, ProcessFacts};
use crate::exit::Failure;
use crate::text::number::duration;
use crate::{interrupt, source};
use hotpoll_profile::protocol::{
    DoctorReport, ErrorCode, ErrorReply, Fetch, FrameDecoder, ProtocolError, Request, Response,
    Status,
};
use hotpoll_profile::{Profile, pprof};
use nix::sys::socket::sockopt::{PeerCredentials, SendTimeout};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr, getsockopt, setsockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a process may take for an answer, what it was asked to wait for aside. It answers from memory: a process that needs
/// longer than this is stopped, or starved.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an answer may take before it is looked whether the process is stopped, and how often then.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long to wait for a place in the process's queue of connections: one that is stopped takes nobody from it.
const QUEUE_PATIENCE: Duration = Duration::from_secs(1);
/// How long an answer may still take once somebody has pressed Ctrl-C.
const LAST_PATIENCE: Duration = Duration::from_secs(3);
/// How long to ask again while the process serves as many others as it will. Each of them is done in a moment.
const BUSY_PATIENCE: Duration = Duration::from_secs(4);
/// How long to wait before each time.
const BUSY_WAIT: Duration = Duration::from_millis(100);
/// What a socket's address can hold (`sun_path`), its final zero aside.
const LONGEST_ADDRESS: usize = 107;

/// A connection to a live process.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    stream: UnixStream,
    decoder: FrameDecoder,
    patience: Duration,
    /// A question was given up on: its answer may still come, and would be taken for that of the next.
    is_behind: bool,
}

/// Why a live process was not reached, or gave no answer.
#[derive(Debug)]
pub enum AskError {
    /// Nobody listens: the socket is left over from a process that has ended.
    Stale,
    /// The process has ended (or closed the connection) in the middle of it.
    Ended,
    /// The process lives and listens, but its socket's file is not to be seen: it has changed its root since, or somebody removed the file.
    OutOfSight,
    /// No answer within this time.
    Silent(Duration),
    /// No answer, as the process does not run: by a signal, a debugger, or frozen with its container.
    Stopped,
    /// The socket belongs to somebody else than the process.
    Impostor {
        /// Who answers.
        pid: i32,
    },
    /// It says no, in a sentence.
    Refused(ErrorReply),
    /// What it says cannot be understood.
    Protocol(ProtocolError),
    /// The profile that it sent cannot be understood.
    Profile(pprof::DecodeError),
    /// Anything else.
    Io(io::Error),
}

impl AskError {
    /// Whether the process is gone, so that asking again is of no use.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Stale | Self::Ended)
    }

    /// Whether the process may answer some time, though it does not now.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Stopped => true,
            Self::Refused(reply) => reply.code() == ErrorCode::Busy,
            _ => false,
        }
    }

    /// The sentence for a person.
    pub fn failure(&self, endpoint: &Endpoint) -> Failure {
        let process = &endpoint.process;
        let who = who(endpoint);
        match self {
            Self::Stale | Self::Ended => Failure::new(format!("{who} has ended"))
                .next("`hotpoll list` shows the processes that can be asked"),
            Self::OutOfSight => Failure::new(format!(
                "{who} listens at {}, and nothing is to be found there: it has changed its root (chroot) since, or the file was removed",
                endpoint.socket.display()
            ))
            .next("start it again; a program that changes its root calls hotpoll::start() after that"),
            Self::Silent(span) => Failure::new(format!(
                "{who} gave no answer in {}",
                duration(source::nanoseconds(*span))
            ))
            .next(format!(
                "it may be paused or starved: see `grep State /proc/{}/status`",
                process.pid
            )),
            Self::Stopped => Failure::new(format!(
                "{who} is stopped: no answer until it runs on"
            ))
            .next(format!(
                "`kill -CONT {}` lets it, where no debugger holds it and no container is paused",
                process.pid
            )),
            Self::Impostor { pid } => Failure::new(format!(
                "the socket of {who} is answered by process {pid}, so nothing was asked"
            )),
            Self::Refused(reply) => {
                Failure::new(format!("{who}: {}", reply.sentence.trim_end_matches('.')))
            }
            Self::Protocol(error) => Failure::new(format!("{who}: {error}")),
            Self::Profile(error) => {
                Failure::new(format!("{who} sent a profile that cannot be read: {error}"))
            }
            Self::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Failure::new(format!(
                    "{who} may not be asked: permission denied at {}",
                    endpoint.socket.display()
                ))
                .next(format!(
                    "where it has changed its user since its start, root may ask: sudo hotpoll report {}",
                    process.pid
                ))
            }
            Self::Io(error) => Failure::new(format!("{who} cannot be reached: {error}")),
        }
    }
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, TimedOut, UnexpectedEof,
            WouldBlock,
        };
        match error.kind() {
            // The socket's file goes with the process, the process's folder in /proc goes with it too.
            ConnectionRefused | NotFound => Self::Stale,
            BrokenPipe | ConnectionReset | UnexpectedEof => Self::Ended,
            WouldBlock | TimedOut => Self::Silent(PATIENCE),
            _ => Self::Io(error),
        }
    }
}

impl Client {
    /// Connects, and makes sure that the process itself answers.
    pub fn connect(endpoint: &Endpoint) -> Result<Self, AskError> {
        Self::connect_for(endpoint, PATIENCE)
    }

    /// Connects; no answer may take longer than this.
    pub fn connect_for(endpoint: &Endpoint, patience: Duration) -> Result<Self, AskError> {
        Ok(Self {
            endpoint: endpoint.clone(),
            stream: stream_to(endpoint)?,
            decoder: FrameDecoder::for_responses(),
            patience,
            is_behind: false,
        })
    }

    /// Who is at the other end, for a sentence.
    pub fn who(&self) -> String {
        who(&self.endpoint)
    }

    /// Who is at the other end.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Who are you and how is sampling going?
    pub fn status(&mut self) -> Result<Status, AskError> {
        match self.ask(&Request::Status, Duration::ZERO)? {
            Response::Status(status) => Ok(*status),
            other => Err(not_asked_for(other)),
        }
    }

    /// What did you do?
    pub fn fetch(&mut self, fetch: Fetch) -> Result<Profile, AskError> {
        let waits = Duration::from_nanos(fetch.wait_ns);
        match self.ask(&Request::Fetch(fetch), waits)? {
            Response::Profile(bytes) => pprof::decode(&bytes).map_err(AskError::Profile),
            other => Err(not_asked_for(other)),
        }
    }

    /// What do you run on?
    pub fn doctor(&mut self) -> Result<DoctorReport, AskError> {
        match self.ask(&Request::Doctor, Duration::ZERO)? {
            Response::Doctor(report) => Ok(*report),
            other => Err(not_asked_for(other)),
        }
    }

    /// Asks, and asks again for a while where the process is busy with others.
    fn ask(&mut self, request: &Request, waits: Duration) -> Result<Response, AskError> {
        let until = Instant::now() + BUSY_PATIENCE;
        loop {
            if self.is_behind {
                self.stream = stream_to(&self.endpoint)?;
                self.decoder = FrameDecoder::for_responses();
                self.is_behind = false;
            }
            let answer = self.ask_once(request, waits);
            // Who is refused is hung up on, too.
            self.is_behind = matches!(&answer, Err(error) if error.is_silence());
            let is_busy =
                matches!(&answer, Err(AskError::Refused(reply)) if reply.code() == ErrorCode::Busy);
            if !is_busy || Instant::now() >= until || interrupt::is_asked_to_stop() {
                return answer;
            }
            std::thread::sleep(BUSY_WAIT);
        }
    }

    fn ask_once(&mut self, request: &Request, waits: Duration) -> Result<Response, AskError> {
        // Enough for a whole recorder in a few reads.
        const CHUNK: usize = 1 << 20;
        let patience = self.patience + waits;
        self.stream.set_read_timeout(Some(LOOK_EVERY))?;
        match self.stream.write_all(&request.encode()) {
            // Hung up already, and why is still there to be read: a busy process does not wait for the question.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        let mut chunk = vec![0; CHUNK];
        let mut heard = Instant::now();
        loop {
            if let Some(frame) = self.decoder.next().map_err(AskError::Protocol)? {
                return match Response::from_frame(frame).map_err(AskError::Protocol)? {
                    Response::Error(reply) => Err(AskError::Refused(reply)),
                    response => Ok(response),
                };
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(AskError::Ended),
                Ok(read) => {
                    self.decoder.push(&chunk[..read]);
                    heard = Instant::now();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let patience = match interrupt::is_asked_to_stop() {
                        true => patience.min(LAST_PATIENCE),
                        false => patience,
                    };
                    if process::is_stopped(self.endpoint.process.pid) {
                        return Err(AskError::Stopped);
                    }
                    if heard.elapsed() >= patience {
                        return Err(AskError::Silent(patience));
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn who(endpoint: &Endpoint) -> String {
    let process = &endpoint.process;
    format!("process {} ({})", process.pid, process.display_name())
}

fn not_asked_for(response: Response) -> AskError {
    let what = match response {
        Response::Status(_) => "a status",
        Response::Profile(_) => "a profile",
        Response::Doctor(_) => "a doctor's report",
        _ => "something",
    };
    AskError::Io(io::Error::other(format!(
        "it answered with {what} that was not asked for"
    )))
}

/// A new conversation with the process itself.
fn stream_to(endpoint: &Endpoint) -> Result<UnixStream, AskError> {
    let pid = endpoint.process.pid;
    let [through_its_root, through_ours] = endpoint.paths();
    let stream = match connect(&through_its_root) {
        Err(error) if is_elsewhere(&error) => match connect(&through_ours) {
            // Below our root lies what anybody may have put there. A process of another PID namespace is 0 here, and cannot be told from others.
            Ok(stream) if peer_pid(&stream)? == pid as i32 => Ok(stream),
            Ok(_) => Err(error),
            Err(ours) if ours.kind() == io::ErrorKind::NotFound => Err(error),
            Err(ours) => Err(ours),
        },
        other => other,
    };
    let stream = stream.map_err(|error| match error.kind() {
        // By a Ctrl-C: a wait with an end is not taken up again.
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => match process::is_stopped(pid) {
            true => AskError::Stopped,
            false => AskError::Silent(QUEUE_PATIENCE),
        },
        _ => match AskError::from(error) {
            AskError::Stale if still_listens(endpoint) => AskError::OutOfSight,
            error => error,
        },
    })?;
    let peer = peer_pid(&stream)?;
    // 0 is a process of another PID namespace that ours cannot see into: the path went through its /proc/PID/root.
    if peer != 0 && peer as u32 != pid {
        return Err(AskError::Impostor { pid: peer });
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn peer_pid(stream: &UnixStream) -> io::Result<i32> {
    let peer = getsockopt(stream, PeerCredentials).map_err(io::Error::from)?;
    Ok(peer.pid())
}

/// Whether the socket may lie below another root.
fn is_elsewhere(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound, PermissionDenied};
    matches!(
        error.kind(),
        NotFound | PermissionDenied | NotADirectory | ConnectionRefused
    )
}

/// Whether this very process lives, and the kernel lists its socket.
fn still_listens(endpoint: &Endpoint) -> bool {
    let process = ProcessFacts::read(endpoint.process.pid);
    process.is_ok_and(|now| {
        !now.zombie
            && now.start_ticks == endpoint.process.start_ticks
            && discover::of(&now).is_some_and(|found| found.socket == endpoint.socket)
    })
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    if path.as_os_str().len() <= LONGEST_ADDRESS {
        return connect_short(path);
    }
    // A long XDG_RUNTIME_DIR: by way of its folder, whose descriptor has a short name.
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_PATH)
        .open(folder)?;
    let mut short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    short.extend(path.file_name());
    connect_short(&short)
}

/// As [`UnixStream::connect`], but that has no end where the queue is full.
fn connect_short(path: &Path) -> io::Result<UnixStream> {
    let socket = socket::socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let patience = TimeVal::seconds(QUEUE_PATIENCE.as_secs() as i64);
    setsockopt(&socket, SendTimeout, &patience)?;
    socket::connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}

#[cfg(test)]
pub(crate) mod tests;
