//! What the person looks at, and what the keys do to it. Events in, nothing out but the wish to leave.

use super::flame::{Measure, Of, Place};
use super::flame_view::FlameView;
use super::list::List;
use super::page::{Page, Subject, Tab, What};
use super::picture::Picture;
use super::problem_rows;
use hotpoll_symbolizer::verdict::Actor;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::sync::Arc;

/// What happens.
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// A new picture.
    Picture(Arc<Picture>),
    /// The process does, or does not, answer any more.
    Link(Link),
    /// It is so late: nanoseconds since 1970.
    Now(u64),
}

/// Whether there is anybody to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It answers, as far as is known.
    Live,
    /// It gives no answer for now, in a sentence.
    Silent(String),
    /// There will be no more answers, in a sentence.
    Over(String),
    /// It is a file.
    File(String),
}

/// What the edge has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Draw.
    Draw,
    /// Draw everything anew.
    Redraw,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// End.
    Quit,
}

/// What the person looks at.
pub struct Model {
    /// What the process is called before it has said so.
    pub target: String,
    /// The picture on the screen.
    pub picture: Option<Arc<Picture>>,
    /// The newest one, while the screen stands still.
    newest: Option<Arc<Picture>>,
    /// Since when the screen stands still.
    pub paused_since: Option<u64>,
    /// Whether there is anybody to ask.
    pub link: Link,
    /// How late it is.
    pub now_ns: u64,
    /// An older picture says that there was no answer since.
    pub patience_ns: u64,
    /// The tab.
    pub tab: Tab,
    /// Each tab's pages, the one on the screen last.
    pages: Vec<Vec<Page>>,
    /// The flame graph.
    pub flame: FlameView,
    /// Whether a filter is being typed.
    pub is_typing: bool,
    /// The first visible line of the help, when that is on the screen.
    pub help: Option<usize>,
    /// The size of the screen when it was drawn last.
    pub size: (usize, usize),
}

impl Model {
    /// Before the first picture.
    pub fn new(target: String, patience_ns: u64) -> Self {
        Self {
            target,
            picture: None,
            newest: None,
            paused_since: None,
            link: Link::Live,
            now_ns: 0,
            patience_ns,
            tab: Tab::Threads,
            pages: Tab::ALL
                .iter()
                .map(|tab| tab.first().into_iter().collect())
                .collect(),
            flame: FlameView::new(),
            is_typing: false,
            help: None,
            size: (80, 24),
        }
    }

    /// What an event does.
    pub fn update(&mut self, event: Event) -> Wish {
        match event {
            Event::Now(now) => self.now_ns = now,
            Event::Link(link) => self.link = link,
            Event::Picture(picture) => {
                if !matches!(self.link, Link::File(_)) {
                    self.link = Link::Live;
                }
                match self.paused_since {
                    Some(_) => self.newest = Some(picture),
                    None => self.picture = Some(picture),
                }
            }
            Event::Key(key) => return self.key(key),
        }
        Wish::Draw
    }

    /// The page on the screen; the flame graph is none.
    pub fn page(&self) -> Option<&Page> {
        self.pages[self.tab_index()].last()
    }

    /// The same, to be changed.
    pub fn page_mut(&mut self) -> Option<&mut Page> {
        let tab = self.tab_index();
        self.pages[tab].last_mut()
    }

    /// The pages from the tab's first one to that on the screen.
    pub fn path(&self) -> &[Page] {
        &self.pages[self.tab_index()]
    }

    fn tab_index(&self) -> usize {
        Tab::ALL
            .iter()
            .position(|&tab| tab == self.tab)
            .unwrap_or(0)
    }

    /// What is being filtered by on the page.
    pub fn filter(&self) -> &str {
        match self.page() {
            Some(Page::List { list, .. }) => list.filter(),
            _ => "",
        }
    }

    fn key(&mut self, key: KeyEvent) -> Wish {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') => return Wish::Quit,
                KeyCode::Char('z') => return Wish::Suspend,
                KeyCode::Char('l') => return Wish::Redraw,
                _ => return Wish::Draw,
            }
        }
        if self.is_typing {
            self.type_filter(key.code);
            return Wish::Draw;
        }
        if let Some(top) = self.help {
            self.help = match key.code {
                KeyCode::Char('q') => return Wish::Quit,
                KeyCode::Up | KeyCode::Char('k') => Some(top.saturating_sub(1)),
                KeyCode::Down | KeyCode::Char('j') => Some(top + 1),
                KeyCode::PageUp => Some(top.saturating_sub(self.size.1)),
                KeyCode::PageDown => Some(top + self.size.1),
                _ => None,
            };
            return Wish::Draw;
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = Some(0),
            KeyCode::Char(' ') => self.pause(),
            KeyCode::Char('i') if self.picture.is_some() => {
                let is_open = matches!(
                    self.page(),
                    Some(Page::Text {
                        subject: Subject::Sampling,
                        ..
                    })
                );
                if !is_open {
                    self.open(Page::text(Subject::Sampling));
                }
            }
            KeyCode::Tab => self.next_tab(1),
            KeyCode::BackTab => self.next_tab(Tab::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='9') => {
                let index = digit as usize - '1' as usize;
                if let Some(&tab) = Tab::ALL.get(index) {
                    // Once more the same one: back to its first page.
                    if tab == self.tab {
                        self.pages[index].truncate(usize::from(tab.first().is_some()));
                    }
                    self.tab = tab;
                }
            }
            code => self.key_of_page(code),
        }
        Wish::Draw
    }

    fn next_tab(&mut self, by: usize) {
        let next = (self.tab_index() + by) % Tab::ALL.len();
        self.tab = Tab::ALL[next];
    }

    fn pause(&mut self) {
        match self.paused_since.take() {
            None => self.paused_since = Some(self.now_ns),
            Some(_) => {
                if let Some(newest) = self.newest.take() {
                    self.picture = Some(newest);
                }
            }
        }
    }

    fn type_filter(&mut self, code: KeyCode) {
        let mut text = self.filter().to_owned();
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                text.clear();
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(c) => text.push(c),
            _ => return,
        }
        if let Some(Page::List { list, .. }) = self.page_mut() {
            list.set_filter(&text);
        }
    }

    /// Rows that a table, or a text, has room for.
    pub fn rows(&self) -> usize {
        self.size.1.saturating_sub(super::draw::AROUND).max(1)
    }

    fn key_of_page(&mut self, code: KeyCode) {
        let Some(picture) = self.picture.clone() else {
            return;
        };
        let rows = self.rows();
        match self.page_mut() {
            None => self.key_of_flame(code, &picture),
            Some(Page::Text { subject, top }) => match code {
                KeyCode::Up | KeyCode::Char('k') => *top = top.saturating_sub(1),
                KeyCode::Down | KeyCode::Char('j') => *top += 1,
                KeyCode::PageUp => *top = top.saturating_sub(rows),
                KeyCode::PageDown => *top += rows,
                KeyCode::Home | KeyCode::Char('g') => *top = 0,
                KeyCode::End | KeyCode::Char('G') => *top = usize::MAX / 2,
                KeyCode::Char('f') => {
                    let of = match *subject {
                        Subject::Thread(tid) => Of::Thread(tid as u32),
                        Subject::Task(task) => Of::Task(task),
                        Subject::Places(kind) => Of::Kind(kind),
                        Subject::Lock(lock) => Of::Holders(lock),
                        Subject::Problem(id) => of_problem(&picture, id),
                        Subject::Sampling => Of::All,
                    };
                    self.show_flame(of);
                }
                KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => self.back(),
                _ => {}
            },
            Some(Page::List { what, list }) => {
                let what = *what;
                let table = what.rows(&picture);
                list.arrange(&*table, picture.number);
                key_of_list(list, &*table, code, rows);
                let selected = list.selected();
                let is_filtered = !list.filter().is_empty();
                match (code, selected) {
                    (KeyCode::Char('/'), _) => self.is_typing = true,
                    (KeyCode::Enter | KeyCode::Right, Some(row)) => self.open(what.open(row)),
                    (KeyCode::Char('p'), Some(row)) => match what {
                        What::Kinds => self.open(Page::text(Subject::Places(row))),
                        What::Tasks(kind) => self.open(Page::text(Subject::Places(kind))),
                        What::Threads | What::Locks | What::Problems => {}
                    },
                    (KeyCode::Char('f'), Some(row)) => self.show_flame(match what {
                        What::Threads => Of::Thread(row as u32),
                        What::Kinds => Of::Kind(row),
                        What::Tasks(_) => Of::Task(row),
                        What::Locks => Of::Holders(row),
                        What::Problems => of_problem(&picture, row),
                    }),
                    (KeyCode::Esc | KeyCode::Backspace, _) if is_filtered => {
                        if let Some(Page::List { list, .. }) = self.page_mut() {
                            list.set_filter("");
                        }
                    }
                    (KeyCode::Esc | KeyCode::Backspace | KeyCode::Left, _) => self.back(),
                    _ => {}
                }
            }
        }
    }

    fn open(&mut self, page: Page) {
        let tab = self.tab_index();
        self.pages[tab].push(page);
    }

    fn back(&mut self) {
        let tab = self.tab_index();
        // The flame graph has no page below.
        if self.pages[tab].len() > usize::from(self.tab.first().is_some()) {
            self.pages[tab].pop();
        }
    }

    fn show_flame(&mut self, of: Of) {
        // Nothing lies over it any more.
        let flame = Tab::ALL.iter().position(|&tab| tab == Tab::Flame);
        flame
            .into_iter()
            .for_each(|flame| self.pages[flame].clear());
        self.flame.show(of);
        self.tab = Tab::Flame;
    }

    fn key_of_flame(&mut self, code: KeyCode, picture: &Picture) {
        let (zoom, chosen) = self.flame.at(picture);
        let columns = self.size.0;
        let flame = self.flame.of(picture);
        let places = flame.places(zoom, columns);
        let here = places.iter().position(|place| place.node == chosen);
        let beside = |by: isize| {
            let at = here?.checked_add_signed(by)?;
            let place = places.get(at)?;
            (place.depth == places[here?].depth).then_some(place.node)
        };
        let next = match code {
            KeyCode::Up | KeyCode::Char('k') if chosen != zoom => Some(flame.get(chosen).parent),
            KeyCode::Down | KeyCode::Char('j') => {
                let of: Vec<&Place> = (places.iter())
                    .filter(|place| place.node != chosen && flame.get(place.node).parent == chosen)
                    .collect();
                of.iter()
                    .max_by_key(|place| place.width)
                    .map(|place| place.node)
            }
            KeyCode::Left => beside(-1),
            KeyCode::Right => beside(1),
            KeyCode::Home | KeyCode::Char('g') => Some(zoom),
            _ => None,
        };
        if let Some(next) = next {
            self.flame.chosen = flame.path(next);
            return;
        }
        match code {
            KeyCode::Enter => {
                let path = flame.path(chosen);
                if chosen != zoom {
                    self.flame.zooms.push(path);
                    self.flame.top = 0;
                }
            }
            KeyCode::Esc | KeyCode::Backspace if !self.flame.zooms.is_empty() => {
                self.flame.zooms.pop();
            }
            KeyCode::Char('a') | KeyCode::Esc | KeyCode::Backspace => self.flame.show(Of::All),
            KeyCode::Char('o') => {
                self.flame.is_folded = !self.flame.is_folded;
                self.flame.again();
            }
            KeyCode::Char('w') => {
                self.flame.measure = match self.flame.measure {
                    Measure::Cpu => Measure::Waiting,
                    Measure::Waiting => Measure::Cpu,
                };
                self.flame.again();
            }
            _ => {}
        }
    }
}

/// Whose time a problem is about: that of the one who can end it.
fn of_problem(picture: &Picture, id: u64) -> Of {
    let problem = (picture.verdicts.problems.iter()).find(|one| problem_rows::id(one) == id);
    let owner = problem.and_then(|one| one.owner.as_ref()?.actor);
    match (owner, problem.and_then(|one| one.threads.first())) {
        (Some(Actor::Thread(tid)), _) => Of::Thread(tid),
        (Some(Actor::Task(task)), _) => Of::Task(task),
        (None, Some(&tid)) => Of::Thread(tid),
        (None, None) => Of::All,
    }
}

fn key_of_list(list: &mut List, table: &dyn super::rows::Rows, code: KeyCode, rows: usize) {
    let page = rows.saturating_sub(1).max(1) as isize;
    match code {
        KeyCode::Up | KeyCode::Char('k') => list.move_by(table, -1),
        KeyCode::Down | KeyCode::Char('j') => list.move_by(table, 1),
        KeyCode::PageUp => list.move_by(table, -page),
        KeyCode::PageDown => list.move_by(table, page),
        KeyCode::Home | KeyCode::Char('g') => list.move_by(table, isize::MIN),
        KeyCode::End | KeyCode::Char('G') => list.move_by(table, isize::MAX),
        KeyCode::Char('s') => list.sort_by_next(table.columns().len()),
        KeyCode::Char('r') => list.reverse(),
        _ => {}
    }
}
