//! The servers: this binary again, as a process that serves on one processor.

use crate::support;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[path = "../../examples/axum-service/service.rs"]
mod service;

/// The argument that makes this binary a server.
pub const ROLE: &str = "--serve";
/// Bytes of a message that is echoed.
pub const ECHO_BYTES: usize = 64;

/// What is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// 64 bytes, sent back; a task a connection.
    Echo,
    /// `GET /price` of examples/axum-service.
    Axum,
}

/// With how much of hotpoll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Not a call of it.
    Bare,
    /// All calls, and `HOTPOLL=off`.
    Off,
    /// All of it, with the defaults.
    On,
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Axum => "axum",
        }
    }
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Off => "off",
            Self::On => "on",
        }
    }
}

/// A server's process. Killed when dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Server {
    pub fn start(workload: Workload, mode: Mode) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([ROLE, workload.name(), mode.name()])
            .env("HOTPOLL", if mode == Mode::On { "on" } else { "off" })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line)?;
        let address = line.trim_end().parse().map_err(io::Error::other);
        Ok(Self {
            child,
            address: address?,
        })
    }

    /// Takes it off the processor: the next one has it for itself.
    pub fn pause(&self) -> io::Result<()> {
        self.signal(libc::SIGSTOP)
    }

    pub fn resume(&self) -> io::Result<()> {
        self.signal(libc::SIGCONT)
    }

    fn signal(&self, signal: i32) -> io::Result<()> {
        // SAFETY: it takes no pointers; the child is ours and not waited for yet.
        match unsafe { libc::kill(self.child.id() as libc::pid_t, signal) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// CPU time of the whole process, hotpoll's threads and all.
    pub fn cpu(&self) -> io::Result<Duration> {
        // The kernel's number of a process's own clock (CPUCLOCK_SCHED).
        let clock = (!(self.child.id() as libc::clockid_t)) << 3 | 2;
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: `time` is a valid place for the result.
        match unsafe { libc::clock_gettime(clock, &mut time) } {
            0 => Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32)),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
pub fn serve(workload: &str, mode: &str) -> io::Result<()> {
    support::pin(crate::SERVER_CPU)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all();
    let bare = mode == Mode::Bare.name();
    let guard = match bare {
        true => None,
        false => {
            let guard = hotpoll::start().map_err(io::Error::other)?;
            // What is measured is what was asked for.
            assert_eq!(guard.is_running(), mode == Mode::On.name());
            hotpoll::runtime(&mut builder);
            Some(guard)
        }
    };
    let runtime = builder.build()?;
    let serving = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        match (workload == Workload::Echo.name(), bare) {
            (true, _) => echo(listener, bare).await,
            (false, true) => axum::serve(listener, service::bare()).await,
            (false, false) => axum::serve(listener, service::tracked()).await,
        }
    };
    let served = match bare {
        true => runtime.block_on(serving),
        false => hotpoll::block_on_named(&runtime, "main", serving),
    };
    drop(guard);
    served
}

async fn echo(listener: TcpListener, bare: bool) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if bare {
            tokio::spawn(connection(stream));
        } else {
            hotpoll::spawn_named("connection", connection(stream));
        }
    }
}

async fn connection(mut stream: TcpStream) {
    let mut message = [0; ECHO_BYTES];
    while stream.read_exact(&mut message).await.is_ok() {
        if stream.write_all(&message).await.is_err() {
            return;
        }
    }
}
