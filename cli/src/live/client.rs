//! The conversation with one live process.

use super::discover::Endpoint;
use crate::exit::Failure;
use crate::interrupt;
use hotpoll_profile::protocol::{
    DoctorReport, ErrorCode, ErrorReply, Fetch, FrameDecoder, ProtocolError, Request, Response,
    Status,
};
use hotpoll_profile::{Profile, pprof};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
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
}

/// Why a live process was not reached, or gave no answer.
#[derive(Debug)]
pub enum AskError {
    /// Nobody listens: the socket is left over from a process that has ended.
    Stale,
    /// The process has ended (or closed the connection) in the middle of it.
    Ended,
    /// No answer within [`PATIENCE`].
    Silent,
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

    /// The sentence for a person.
    pub fn failure(&self, endpoint: &Endpoint) -> Failure {
        let process = &endpoint.process;
        let who = format!("process {} ({})", process.pid, process.display_name());
        match self {
            Self::Stale | Self::Ended => Failure::new(format!("{who} has ended"))
                .next("`hotpoll list` shows the processes that can be asked"),
            Self::Silent => {
                Failure::new(format!("{who} gave no answer in {} s", PATIENCE.as_secs())).next(
                    format!(
                        "it may be stopped or starved: see `grep State /proc/{}/status`",
                        process.pid
                    ),
                )
            }
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
                Failure::new(format!("{who} may not be asked: permission denied"))
                    .next("run this as the user that the process runs as")
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
            WouldBlock | TimedOut => Self::Silent,
            _ => Self::Io(error),
        }
    }
}

impl Client {
    /// Connects, and makes sure that the process itself answers.
    pub fn connect(endpoint: &Endpoint) -> Result<Self, AskError> {
        Ok(Self {
            endpoint: endpoint.clone(),
            stream: stream_to(endpoint)?,
            decoder: FrameDecoder::for_responses(),
        })
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
            let answer = self.ask_once(request, waits);
            let is_busy =
                matches!(&answer, Err(AskError::Refused(reply)) if reply.code() == ErrorCode::Busy);
            if !is_busy || Instant::now() >= until || interrupt::is_asked_to_stop() {
                return answer;
            }
            std::thread::sleep(BUSY_WAIT);
            // Who is refused is hung up on.
            self.stream = stream_to(&self.endpoint)?;
            self.decoder = FrameDecoder::for_responses();
        }
    }

    fn ask_once(&mut self, request: &Request, waits: Duration) -> Result<Response, AskError> {
        // Enough for a whole recorder in a few reads.
        const CHUNK: usize = 1 << 20;
        self.stream.set_read_timeout(Some(PATIENCE + waits))?;
        match self.stream.write_all(&request.encode()) {
            // Hung up already, and why is still there to be read: a busy process does not wait for the question.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        let mut chunk = vec![0; CHUNK];
        loop {
            if let Some(frame) = self.decoder.next().map_err(AskError::Protocol)? {
                return match Response::from_frame(frame).map_err(AskError::Protocol)? {
                    Response::Error(reply) => Err(AskError::Refused(reply)),
                    response => Ok(response),
                };
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(AskError::Ended),
                Ok(read) => self.decoder.push(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
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
    let stream = connect(&endpoint.path())?;
    let peer = getsockopt(&stream, PeerCredentials).map_err(io::Error::from)?;
    // 0 is a process of another PID namespace that ours cannot see into: the path went through its /proc/PID/root.
    if peer.pid() != 0 && peer.pid() as u32 != endpoint.process.pid {
        return Err(AskError::Impostor { pid: peer.pid() });
    }
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn connect(path: &Path) -> io::Result<UnixStream> {
    if path.as_os_str().len() <= LONGEST_ADDRESS {
        return UnixStream::connect(path);
    }
    // A long XDG_RUNTIME_DIR: by way of its folder, whose descriptor has a short name.
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_PATH)
        .open(folder)?;
    let mut short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    short.extend(path.file_name());
    UnixStream::connect(short)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::live::ProcessFacts;
    use hotpoll_profile::protocol::{ErrorCode, Frame};
    use std::os::unix::net::UnixListener;
    use std::thread;

    /// The socket of a process, which is this one, and its folder.
    fn listen(name: &str) -> (Endpoint, UnixListener, PathBuf) {
        let folder =
            std::env::temp_dir().join(format!("hotpoll-test-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join("1-2.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let process = ProcessFacts {
            pid: std::process::id(),
            name: "shop".to_owned(),
            ..ProcessFacts::default()
        };
        (Endpoint { process, socket }, listener, folder)
    }

    /// Answers the next client's requests with these, each in pieces, and hangs up.
    fn converse(listener: &UnixListener, answers: Vec<Vec<u8>>) {
        let (mut stream, _) = listener.accept().unwrap();
        let mut requests = FrameDecoder::for_requests();
        for answer in answers {
            let mut buffer = [0; 64];
            while requests.next().unwrap().is_none() {
                let read = stream.read(&mut buffer).unwrap();
                requests.push(&buffer[..read]);
            }
            for piece in answer.chunks(7) {
                // Who has seen enough may be gone before the rest.
                let _ = stream.write_all(piece);
            }
        }
    }

    /// A process that answers each request with the next of these, in pieces, and then goes away.
    pub(crate) fn process(name: &str, answers: Vec<Vec<u8>>) -> (Endpoint, thread::JoinHandle<()>) {
        let (endpoint, listener, folder) = listen(name);
        let thread = thread::spawn(move || {
            converse(&listener, answers);
            drop(listener);
            std::fs::remove_dir_all(folder).unwrap();
        });
        (endpoint, thread)
    }

    fn status() -> Status {
        Status {
            pid: 7,
            name: "shop".to_owned(),
            ..Status::default()
        }
    }

    #[test]
    fn several_questions_in_one_conversation() {
        let profile = Profile {
            duration_ns: 5,
            ..Profile::default()
        };
        let (endpoint, thread) = process(
            "several",
            vec![
                Response::Status(Box::new(status())).encode(),
                Response::Profile(pprof::encode(&profile)).encode(),
            ],
        );
        let mut client = Client::connect(&endpoint).unwrap();
        assert_eq!(client.status().unwrap(), status());
        assert_eq!(client.fetch(Fetch::default()).unwrap().duration_ns, 5);
        assert!(client.status().unwrap_err().is_gone());
        thread.join().unwrap();
        assert!(Client::connect(&endpoint).unwrap_err().is_gone());
    }

    #[track_caller]
    fn check(name: &str, answer: Vec<u8>, parts: &[&str]) {
        let (endpoint, thread) = process(name, vec![answer]);
        let error = Client::connect(&endpoint).unwrap().status().unwrap_err();
        let sentence = error.failure(&endpoint).to_string();
        for part in parts {
            assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
        }
        thread.join().unwrap();
    }

    #[test]
    fn it_says_no() {
        let reply = ErrorReply::new(ErrorCode::Stopped, "Sampling is stopped; start it again.");
        check(
            "no",
            Response::Error(reply).encode(),
            &["(shop): Sampling is stopped", "again."],
        );
    }

    /// A busy process says so to whoever connects, before any question, and hangs up.
    #[test]
    fn busy_and_then_not() {
        let (endpoint, listener, folder) = listen("busy");
        let thread = thread::spawn(move || {
            let reply = ErrorReply::new(ErrorCode::Busy, "64 clients are being served");
            for _ in 0..3 {
                let (mut stream, _) = listener.accept().unwrap();
                stream
                    .write_all(&Response::Error(reply.clone()).encode())
                    .unwrap();
            }
            converse(
                &listener,
                vec![Response::Status(Box::new(status())).encode()],
            );
            std::fs::remove_dir_all(folder).unwrap();
        });
        let mut client = Client::connect(&endpoint).unwrap();
        assert_eq!(client.status().unwrap(), status());
        thread.join().unwrap();
    }

    #[test]
    fn another_version() {
        let mut frame = Frame {
            major: 9,
            minor: 0,
            kind: 2,
            payload: Vec::new(),
        };
        check(
            "newer",
            frame.encode(),
            &["protocol 9", "update the command"],
        );
        frame.major = 0;
        check(
            "older",
            frame.encode(),
            &["protocol 0", "rebuild the process"],
        );
    }

    #[test]
    fn something_else_entirely() {
        check(
            "junk",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            &["does not speak hotpoll"],
        );
    }

    #[test]
    fn half_an_answer() {
        let mut half = Response::Status(Box::new(status())).encode();
        half.truncate(18);
        check("half", half, &["has ended"]);
    }

    #[test]
    fn an_answer_to_another_question() {
        let answer = Response::Profile(pprof::encode(&Profile::default())).encode();
        check("other", answer, &["a profile that was not asked for"]);
    }

    #[test]
    fn somebody_else_at_the_socket() {
        let (mut endpoint, thread) = process("impostor", Vec::new());
        endpoint.process.pid += 1;
        // The path leads through /proc/PID/root: any living process's will do.
        endpoint.process.pid = 1;
        if std::fs::read_link("/proc/1/root").is_err() {
            // Not ours to look into; then connecting is refused before anybody could answer.
            assert!(Client::connect(&endpoint).is_err());
            let _ = UnixStream::connect(&endpoint.socket);
        } else {
            let error = Client::connect(&endpoint).unwrap_err();
            assert!(matches!(error, AskError::Impostor { .. }), "{error:?}");
        }
        thread.join().unwrap();
    }

    #[test]
    fn long_folders() {
        let folder = std::env::temp_dir().join(format!(
            "hotpoll-{}-{}",
            std::process::id(),
            "x".repeat(120)
        ));
        std::fs::create_dir_all(&folder).unwrap();
        // Bound by way of the folder, as the address would not fit either.
        let open = File::open(&folder).unwrap();
        let short = format!("/proc/self/fd/{}/s", open.as_raw_fd());
        let _listener = UnixListener::bind(short).unwrap();
        assert!(connect(&folder.join("s")).is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
