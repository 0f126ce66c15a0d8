//! The shop that the tests of `hotpoll tasks` have, with samples, and a hand on the keys.

use super::draw::draw;
use super::model::{Event, Model, Wish};
use super::picture::Picture;
use crate::tasks::fixture::profile;
use hotpoll_profile::{
    Channel, Histogram, Holder, Library, Longest, Party, Permits, Profile, Resource, ResourceKind,
    Resources, Sample, Since, Site, State, Uses, Waiter,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::sync::{Arc, OnceLock};

const MS: u64 = 1_000_000;

/// Four stacks of CPU time on two threads, and one of waiting.
pub fn with_samples() -> Profile {
    let mut profile = profile();
    // Thread, state, kind, task, stack leaf first, samples of 10 ms.
    type Row<'r> = (u32, State, u64, u64, &'r [u32], u64);
    let rows: [Row; 5] = [
        (2, State::Running, 1, 4, &[3, 2, 1, 0], 100),
        (2, State::Running, 1, 4, &[7, 2, 1, 0], 60),
        (2, State::Running, 2, 0, &[5, 1, 0], 40),
        (1, State::Running, 1, 9, &[7, 2, 1, 0], 40),
        (1, State::Lock, 1, 9, &[8, 7, 2, 1, 0], 120),
    ];
    profile.samples = rows
        .into_iter()
        .map(|(thread, state, kind, task, stack, count)| {
            let ns = count * 10 * MS;
            let is_on_cpu = state.is_on_cpu();
            Sample {
                thread,
                state,
                kind,
                task,
                // What the other one waits for.
                holds: u64::from(thread == 2 && kind == 1),
                stack: stack.to_vec(),
                count,
                cpu_ns: if is_on_cpu { ns } else { 0 },
                wall_ns: if is_on_cpu { 0 } else { ns },
                ..Sample::default()
            }
        })
        .collect();
    profile.snapshot.as_mut().unwrap().resources = resources();
    profile.process.cpus = 4;
    profile.process.self_time_measured = true;
    profile.process.start_unix_ns = profile.start_unix_ns - 1_000_000 * MS;
    profile.process_cpu_ns = 2_400 * MS;
    profile.interval_ns = 10 * MS;
    for thread in &mut profile.threads {
        thread.totals.wall_ns = 10_000 * MS;
        thread.totals.fired = thread.totals.cpu_ns / (10 * MS);
        thread.totals.recorded = thread.totals.fired;
    }
    profile
}

/// A lock that a task holds while it is polled and another waits for, a full channel, a semaphore, and a thousand locks of one line.
fn resources() -> Resources {
    let site = |file: &str, line| Site {
        file: file.to_owned(),
        line,
        column: 5,
    };
    let task = |task, tid| Party { tid, task, kind: 1 };
    let mut wait = Histogram::default();
    for _ in 0..200 {
        wait.record(3 * MS);
    }
    let sessions = Resource {
        id: 1,
        kind: ResourceKind::Mutex,
        library: Library::ParkingLot,
        name: "sessions".to_owned(),
        site: site("src/db.rs", 12),
        instances: 1,
        age_ns: 3_600_000 * MS,
        exclusive: Uses {
            acquired: 4_000,
            contended: 200,
            tries_failed: 3,
            wait_ns: 600 * MS,
            hold_ns: 900 * MS,
            holds_timed: 210,
            hold: wait.clone(),
            wait,
            longest_wait: Some(Longest {
                ns: 70 * MS,
                who: task(9, 4250),
                stack: vec![8, 7, 2, 1, 0],
                site: site("src/db.rs", 47),
                other: Some(task(4, 4251)),
                other_site: site("src/queue.rs", 43),
                ..Longest::default()
            }),
            ..Uses::default()
        },
        holders: vec![Holder {
            party: task(4, 4251),
            site: site("src/queue.rs", 43),
            since_ns: 1_190 * MS,
            since: Since::AtLeast,
            amount: 1,
            acquisition: 4_001,
            confirmed: true,
            ..Holder::default()
        }],
        waiters: vec![Waiter {
            party: task(9, 4250),
            site: site("src/db.rs", 47),
            since_ns: 1_190 * MS,
            wait: 201,
            amount: 1,
            confirmed: true,
            stack: vec![8, 7, 2, 1, 0],
            ..Waiter::default()
        }],
        ..Resource::default()
    };
    let orders = Resource {
        id: 2,
        kind: ResourceKind::Mpsc,
        library: Library::Tokio,
        site: site("src/main.rs", 20),
        instances: 1,
        channel: Some(Channel {
            capacity: Some(16),
            length: 16,
            sent: 52_016,
            received: 52_000,
            senders: 4,
            receivers: 1,
            ..Channel::default()
        }),
        ..Resource::default()
    };
    let permits = Resource {
        id: 3,
        kind: ResourceKind::Semaphore,
        library: Library::Tokio,
        site: site("src/main.rs", 21),
        instances: 1,
        permits: Some(Permits {
            total: 8,
            available: 3,
            is_signal: false,
            last_granted_ns: 0,
        }),
        ..Resource::default()
    };
    let many = Resource {
        id: 4,
        library: Library::Std,
        site: site("src/audit/background/flusher.rs", 60),
        instances: 1_000,
        exclusive: Uses {
            acquired: 9_000_000,
            ..Uses::default()
        },
        ..Resource::default()
    };
    Resources {
        resources: vec![many, permits, orders, sessions],
        created: 1_003,
        alive: 1_003,
        ..Resources::default()
    }
}

/// A picture of it.
pub fn picture(number: u64) -> Picture {
    Picture::new(number, with_samples(), None)
}

/// A person before a terminal.
pub struct Hands {
    /// What she looks at.
    pub model: Model,
    terminal: Terminal<TestBackend>,
}

impl Hands {
    /// Before the shop, on a screen of this size.
    pub fn before(columns: u16, lines: u16) -> Self {
        let mut hands = Self::before_nothing(columns, lines);
        // Most tests begin with it, and a thousand tasks take their time.
        static FIRST: OnceLock<Arc<Picture>> = OnceLock::new();
        let first = FIRST.get_or_init(|| Arc::new(picture(1)));
        hands.model.update(Event::Picture(Arc::clone(first)));
        hands.look();
        hands
    }

    /// Before the first answer.
    pub fn before_nothing(columns: u16, lines: u16) -> Self {
        let mut model = Model::new("process 4242 (shop)".to_owned(), 4_000 * MS);
        model.update(Event::Now(1_763_770_010_000_000_000));
        Self {
            model,
            terminal: Terminal::new(TestBackend::new(columns, lines)).unwrap(),
        }
    }

    /// The screen, without colours.
    pub fn look(&mut self) -> String {
        let buffer = self.cells(false);
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                // A wide character's second cell is its first one's.
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                skip = crate::text::width::width(symbol).saturating_sub(1);
                line += symbol;
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// The screen's cells.
    pub fn cells(&mut self, colored: bool) -> Buffer {
        let model = &mut self.model;
        let frame = self
            .terminal
            .draw(|frame| draw(model, frame.buffer_mut(), colored));
        frame.unwrap().buffer.clone()
    }

    /// Types a text.
    pub fn types(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.presses(KeyCode::Char(c));
        }
        self
    }

    /// Presses a key; the screen is drawn after it, as on a terminal.
    pub fn presses(&mut self, code: KeyCode) -> &mut Self {
        assert_eq!(self.wish(code, KeyModifiers::NONE), Wish::Draw);
        self.look();
        self
    }

    /// Presses a key that asks for something else.
    pub fn wish(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Wish {
        self.model
            .update(Event::Key(KeyEvent::new(code, modifiers)))
    }

    /// The line that is selected.
    pub fn selected(&mut self) -> String {
        use ratatui::style::Modifier;
        let buffer = self.cells(false);
        // The tab stands out as well, above.
        let lines = 4..buffer.area.height;
        let is_selected = |&y: &u16| buffer[(0, y)].modifier.contains(Modifier::REVERSED);
        let y = lines.clone().find(is_selected).expect("a selected line");
        let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim().to_owned()
    }
}
