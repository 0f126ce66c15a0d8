//! The shop that the tests of `hotpoll tasks` have, with samples, and a hand on the keys.

use super::draw::draw;
use super::model::{Event, Model, Wish};
use super::picture::Picture;
use crate::tasks::fixture::profile;
use hotpoll_profile::{Profile, Sample, State};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::sync::Arc;

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
                stack: stack.to_vec(),
                count,
                cpu_ns: if is_on_cpu { ns } else { 0 },
                wall_ns: if is_on_cpu { 0 } else { ns },
                ..Sample::default()
            }
        })
        .collect();
    profile.process.cpus = 4;
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
        hands.model.update(Event::Picture(Arc::new(picture(1))));
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
