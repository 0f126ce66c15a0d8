//! A process with hotpoll in it, as the tests see it from outside.

use hotpoll_profile::protocol::{FrameDecoder, Request, Response, Status};
use hotpoll_profile::{Profile, pprof};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The argument that makes this binary play a role.
pub const ROLE: &str = "--role";
/// How long anything may take before the test gives up: a machine may be slow, and nothing is proved by it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own for a test: the runtime folder of its processes. Removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Short: a socket's path has 107 bytes.
        let path = std::env::temp_dir().join(format!("hpt-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names in it, the socket folder left out.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the test's folder");
        let names = entries.map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        });
        let mut names: Vec<String> = names.filter(|name| name != "hotpoll").collect();
        names.sort();
        names
    }

    /// This binary in a role, with no variable of hotpoll but these.
    pub fn command(&self, role: &str, variables: &[(&str, &str)]) -> Command {
        let program = std::env::current_exe().expect("this binary");
        self.command_of(&program, role, variables)
    }

    /// The same, of a copy of this binary.
    fn command_of(&self, program: &Path, role: &str, variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program);
        for name in [
            "HOTPOLL",
            "HOTPOLL_HZ",
            "HOTPOLL_WALL_HZ",
            "HOTPOLL_ENGINE",
            "HOTPOLL_OUT",
            "HOTPOLL_DUMP",
            "HOTPOLL_DUMP_STUCK_MS",
            "HOTPOLL_SIGNAL_SLEEPERS",
        ] {
            command.env_remove(name);
        }
        command.env("XDG_RUNTIME_DIR", &self.0);
        command.envs(variables.iter().copied());
        command.arg(ROLE).args(role.split(' '));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Runs a role to its end and returns what it printed.
    pub fn run(&self, role: &str, variables: &[(&str, &str)]) -> String {
        let mut host = self.start(role, variables);
        let printed = host.rest();
        let status = host.wait();
        assert!(status.success(), "{role}: {status}, printed {printed:?}");
        printed
    }

    /// Runs a role of a copy of this binary to its end and returns what it printed.
    pub fn run_program(&self, program: &Path, role: &str) -> String {
        let mut host = self.spawn(self.command_of(program, role, &[]));
        let printed = host.rest();
        let status = host.wait();
        assert!(status.success(), "{role}: {status}, printed {printed:?}");
        printed
    }

    /// Starts a role.
    pub fn start(&self, role: &str, variables: &[(&str, &str)]) -> Host {
        self.spawn(self.command(role, variables))
    }

    /// Starts what [`Folder::command`] made.
    pub fn spawn(&self, mut command: Command) -> Host {
        let mut child = command.spawn().expect("this binary runs");
        let stdout = child.stdout.take().expect("a pipe");
        Host {
            child,
            stdout: BufReader::new(stdout),
            runtime: self.0.clone(),
        }
    }

    /// Starts a role and waits until it says that it is ready.
    pub fn start_ready(&self, role: &str, variables: &[(&str, &str)]) -> Host {
        let mut host = self.start(role, variables);
        assert_eq!(host.line(), "ready");
        host
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process in a role. Killed when dropped.
pub struct Host {
    child: Child,
    stdout: BufReader<ChildStdout>,
    runtime: PathBuf,
}

impl Host {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Writes a line to it.
    pub fn tell(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"\n").expect("it reads");
    }

    /// All that it prints until its end.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        rest
    }

    /// Lets it come to its end, and returns what it prints until then.
    pub fn last_words(&mut self) -> String {
        drop(self.child.stdin.take());
        self.rest()
    }

    /// Lets it come to its end (roles wait for the end of their input).
    pub fn finish(mut self) -> ExitStatus {
        drop(self.child.stdin.take());
        self.rest();
        self.wait()
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("it lives");
        self.wait();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// The names of its threads.
    pub fn thread_names(&self) -> Vec<String> {
        let entries = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its threads");
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
            .map(|name| name.trim_end().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Where its socket lies.
    pub fn socket(&self) -> PathBuf {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("its stat");
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let start_ticks = fields.split_whitespace().nth(19).expect("its start");
        self.runtime
            .join(format!("hotpoll/{}-{start_ticks}.sock", self.pid()))
    }

    pub fn connect(&self) -> Connection {
        let stream = UnixStream::connect(self.socket()).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Connection {
            stream,
            decoder: FrameDecoder::for_responses(),
        }
    }

    /// Asks on a connection of its own.
    pub fn ask(&self, request: &Request) -> Response {
        let mut connection = self.connect();
        connection.send(&request.encode());
        connection.response().expect("an answer")
    }

    pub fn status(&self) -> Status {
        match self.ask(&Request::Status) {
            Response::Status(status) => *status,
            other => panic!("not a status: {other:?}"),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to a host's socket.
pub struct Connection {
    pub stream: UnixStream,
    decoder: FrameDecoder,
}

impl Connection {
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the other side reads");
    }

    /// The next answer; `None` when the other side has closed.
    pub fn response(&mut self) -> Option<Response> {
        loop {
            if let Some(frame) = self.decoder.next().expect("frames") {
                return Some(Response::from_frame(frame).expect("an answer of this version"));
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(read) => self.decoder.push(&bytes[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("reading an answer: {error}"),
            }
        }
    }
}

/// The profile of an answer.
pub fn profile_in(response: Response) -> Profile {
    match response {
        Response::Profile(bytes) => pprof::decode(&bytes).expect("a profile"),
        other => panic!("not a profile: {other:?}"),
    }
}

/// The profile in a file.
pub fn profile_at(path: &Path) -> Profile {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    pprof::decode(&bytes).expect("a profile")
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
