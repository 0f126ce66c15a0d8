//! A process of its own that a benchmark asks over its socket, as the command does.

#![allow(dead_code)] // each benchmark uses a part

use hotpoll_profile::protocol::{Fetch, FrameDecoder, Request, Response};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// No answer takes so long: something is wrong.
const PATIENCE: Duration = Duration::from_secs(120);

/// This binary again, with these arguments. Killed when dropped.
pub struct Asked {
    child: Child,
    stdout: BufReader<ChildStdout>,
    folder: Folder,
}

/// The encoded profile, snapshot and all, and the time from the request to its last byte.
pub struct Answer {
    pub took: Duration,
    pub bytes: Vec<u8>,
}

impl Asked {
    /// Starts it, and waits until it prints "ready".
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        let folder = Folder::new()?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments)
            .env("XDG_RUNTIME_DIR", &folder.0)
            .env_remove("HOTPOLL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut asked = Self {
            child,
            stdout,
            folder,
        };
        assert_eq!(asked.line()?, "ready");
        Ok(asked)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A folder that goes with it.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Writes it a line.
    pub fn tell(&mut self, what: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{what}").expect("it reads");
    }

    /// What it did in the last so many nanoseconds (0: all), and what it does now.
    pub fn ask(&self, last_ns: u64) -> io::Result<Answer> {
        let mut sockets = fs::read_dir(self.folder.0.join("hotpoll"))?.flatten();
        let socket = sockets.next().expect("the process listens").path();
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = Request::Fetch(Fetch {
            since_sequence: 0,
            last_ns,
            wait_ns: 0,
            snapshot: true,
            refresh: false,
        });
        let mut decoder = FrameDecoder::for_responses();
        let mut chunk = vec![0; 1 << 20];
        let begun = Instant::now();
        stream.write_all(&request.encode())?;
        loop {
            let read = stream.read(&mut chunk)?;
            assert!(read > 0, "it has hung up");
            decoder.push(&chunk[..read]);
            if let Some(frame) = decoder.next().expect("a frame") {
                let took = begun.elapsed();
                let response = Response::from_frame(frame).expect("an answer");
                let Response::Profile(bytes) = response else {
                    panic!("not a profile: {response:?}");
                };
                return Ok(Answer { took, bytes });
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removed at the end. Short: a socket's path has 107 bytes.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("hpb-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
