//! `hotpoll top` before a terminal of its own.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    unsafe_code,
    reason = "a child needs a session and a terminal of its own between fork and exec"
)]

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The longest wait for something that comes in a second or two. Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).unwrap()
}

/// `hotpoll top` before a terminal of its own.
pub struct Top {
    pub child: Child,
    keyboard: File,
    /// Kept open, so that the terminal's settings can be asked for when the command is gone.
    line: OwnedFd,
    before: Termios,
    pub screen: Arc<Mutex<vt100::Parser>>,
}

impl Top {
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&pair.slave).unwrap();
        let end = || Stdio::from(pair.slave.try_clone().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
        command
            .arg("top")
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(environment.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end());
        // SAFETY: setsid and ioctl are async-signal-safe, and nothing else runs between fork and exec.
        unsafe {
            command.pre_exec(|| {
                nix::unistd::setsid()?;
                match libc::ioctl(0, libc::TIOCSCTTY, 0) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
        let child = command.spawn().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(24), cells(80), 0)));
        let mut output = File::from(pair.master.try_clone().unwrap());
        let shown = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..n]);
            }
        });
        Self {
            child,
            keyboard: File::from(pair.master),
            line: pair.slave,
            before,
            screen,
        }
    }

    pub fn types(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self
    }

    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen is so.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let text = self.text();
            if is_so(&text) {
                return text;
            }
            if began.elapsed() > PATIENCE {
                panic!("{what}: not within {PATIENCE:?}\n{text}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub fn shows(&mut self, what: &str) -> String {
        self.until(what, |text| text.contains(what))
    }

    pub fn resize(&self, columns: u16, lines: u16) {
        let size = Winsize {
            ws_row: lines,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let mut parser = self.screen.lock().unwrap();
        parser.screen_mut().set_size(cells(lines), cells(columns));
        drop(parser);
        // SAFETY: the descriptor is the terminal's, the size a local value that outlives the call.
        let set =
            unsafe { libc::ioctl(self.keyboard.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
        assert_eq!(set, 0);
    }

    /// Waits for the end, and looks whether the terminal is as it was.
    #[track_caller]
    pub fn ends_and_gives_back(&mut self) -> ExitStatus {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it goes on\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        };
        let after = tcgetattr(&self.line).unwrap();
        assert!(
            after
                .local_flags
                .contains(LocalFlags::ICANON | LocalFlags::ECHO)
        );
        assert_eq!(after, self.before);
        // What it wrote last is still on its way.
        self.until_given_back();
        status
    }

    #[track_caller]
    pub fn until_given_back(&mut self) {
        let began = Instant::now();
        loop {
            let (alternate, hidden) = {
                let parser = self.screen.lock().unwrap();
                (
                    parser.screen().alternate_screen(),
                    parser.screen().hide_cursor(),
                )
            };
            if !alternate && !hidden {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "alternate {alternate}, hidden {hidden}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Top {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
