//! The terminal: taken, drawn on, and given back as it was however this ends.
//!
//! Ways to end: the key, a signal (SIGTERM, SIGHUP, SIGINT, SIGQUIT), a terminal that cannot be written to any more, a panic in this thread or in another.

use super::draw;
use super::model::{Event, Model, Wish};
use crate::exit::{FINE, Failure, Outcome};
use crate::interrupt;
use crate::text::terminal;
use nix::sys::signal::{Signal, raise};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, KeyEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::layout::{Position, Rect};
use std::io::{self, Stdout};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What other threads tell this one.
pub enum Happening {
    /// Something for the model.
    Event(Event),
    /// The screen has another size, or is to be drawn for some other reason.
    Draw,
    /// It cannot go on.
    Failed(Failure),
}

/// How often it is looked whether a signal came.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How often the screen is drawn though nothing came: what is on it grows older.
const DRAW_EVERY: Duration = Duration::from_secs(1);
/// Events taken before the next drawing, so that a key held down is not drawn once for each repeat, and drawing never starves.
const MOST_AT_ONCE: usize = 100;

/// Whether the terminal is in our hands.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
/// What a thread that panicked had to say; the main one says it when the terminal is given back.
static PANICKED: Mutex<Option<String>> = Mutex::new(None);

/// The terminal, taken. Given back when dropped.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    colored: bool,
}

impl Screen {
    /// Takes the terminal.
    pub fn take() -> io::Result<Self> {
        interrupt::listen_to(&[
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ]);
        give_back_in_panics();
        let screen = Self {
            terminal: Terminal::new(CrosstermBackend::new(io::stdout()))?,
            colored: terminal::is_colored(),
        };
        take()?;
        Ok(screen)
    }

    /// Draws and updates until the end.
    pub fn run(mut self, model: &mut Model, happenings: &Receiver<Happening>) -> Outcome {
        let mut drawn = None::<Instant>;
        let mut wants = Wish::Draw;
        loop {
            if wants == Wish::Redraw {
                self.forget()?;
            }
            let is_due = drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_EVERY);
            if wants != Wish::Quit && (is_due || drawn.is_none()) {
                model.update(Event::Now(now_ns()));
                let colored = self.colored;
                let draw =
                    |frame: &mut ratatui::Frame| draw::draw(model, frame.buffer_mut(), colored);
                self.terminal.draw(draw)?;
                drawn = Some(Instant::now());
            }
            if interrupt::is_asked_to_stop() || wants == Wish::Quit {
                return Ok(FINE);
            }
            if let Some(panic) = PANICKED.lock().ok().and_then(|mut said| said.take()) {
                drop(self);
                terminal::say(&panic);
                return Err(Failure::new(
                    "hotpoll has a bug, and this is where it was noticed",
                ));
            }
            wants = Wish::Draw;
            let mut next = match happenings.recv_timeout(LOOK_EVERY) {
                Ok(happening) => Some(happening),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => None,
            };
            if next.is_none() {
                // Nobody can tell anything any more, so no key either.
                return Err(Failure::new("the terminal can no longer be read"));
            }
            for _ in 0..MOST_AT_ONCE {
                let Some(happening) = next.take() else { break };
                drawn = None;
                wants = match happening {
                    Happening::Draw => Wish::Draw,
                    Happening::Failed(failure) => return Err(failure),
                    Happening::Event(event) => model.update(event),
                };
                match wants {
                    Wish::Draw => next = happenings.try_recv().ok(),
                    Wish::Suspend => self.suspend()?,
                    Wish::Redraw | Wish::Quit => {}
                }
            }
        }
    }

    /// Back to the shell until it lets us run on.
    fn suspend(&mut self) -> io::Result<()> {
        give_back();
        raise(Signal::SIGTSTP)?;
        take()?;
        self.forget()
    }

    /// Forgets what is on the screen, so that all of it is drawn. `Terminal::clear` asks the terminal where its cursor is, and the thread that reads
    /// keys takes the answer.
    fn forget(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::from((Position::ORIGIN, size)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, Hide)
}

/// Once, whoever comes first. There is nobody to tell if it fails.
fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// A panic's words belong on the screen where they can be read.
fn give_back_in_panics() {
    let main = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == main {
            give_back();
            before(panic);
        } else if let Ok(mut said) = PANICKED.lock() {
            // The main thread may be drawing right now.
            *said = Some(panic.to_string());
        }
    }));
}

/// Reads keys, in a thread of its own, until nobody listens or the terminal is gone.
pub fn read_keys(tell: &Sender<Happening>) {
    while let Ok(event) = event::read() {
        let happening = match event {
            event::Event::Key(key) if key.kind != KeyEventKind::Release => {
                Happening::Event(Event::Key(key))
            }
            event::Event::Resize(..) => Happening::Draw,
            _ => continue,
        };
        if tell.send(happening).is_err() {
            return;
        }
    }
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    crate::source::nanoseconds(now.unwrap_or_default())
}
