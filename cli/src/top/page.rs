//! What can be looked at: tabs, and the pages that one comes to from their rows.

use super::kind_rows::KindRows;
use super::list::List;
use super::picture::Picture;
use super::problem_rows::{self, ProblemRows};
use super::resource_rows::ResourceRows;
use super::rows::Rows;
use super::task_rows::TaskRows;
use super::thread_rows::ThreadRows;
use crate::export::text::printable;

/// A tab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Threads.
    Threads,
    /// Kinds of tasks, and tasks.
    Tasks,
    /// Locks, channels and semaphores.
    Locks,
    /// What is stuck.
    Stuck,
    /// Where the time went, as a picture.
    Flame,
}

impl Tab {
    /// Every tab, in the order of its number key.
    pub const ALL: &'static [Self] = &[
        Self::Threads,
        Self::Tasks,
        Self::Locks,
        Self::Stuck,
        Self::Flame,
    ];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Threads => "Threads",
            Self::Tasks => "Tasks",
            Self::Locks => "Locks",
            Self::Stuck => "Stuck",
            Self::Flame => "Flame",
        }
    }

    /// How much there is in it.
    pub fn count(self, picture: &Picture) -> Option<u64> {
        match self {
            Self::Threads => Some(picture.threads.threads.len() as u64),
            Self::Tasks => {
                Some(picture.tasks.coverage.tracked + picture.tasks.coverage.tracked_beside)
            }
            Self::Locks => Some(picture.resource_rows.len() as u64),
            Self::Stuck => Some(picture.verdicts.problems.len() as u64),
            Self::Flame => None,
        }
    }

    /// The page that it begins with; the flame graph is none.
    pub fn first(self) -> Option<Page> {
        match self {
            Self::Threads => Some(Page::list(What::Threads)),
            Self::Tasks => Some(Page::list(What::Kinds)),
            Self::Locks => Some(Page::list(What::Locks)),
            Self::Stuck => Some(Page::list(What::Problems)),
            Self::Flame => None,
        }
    }
}

/// A page.
#[derive(Debug)]
pub enum Page {
    /// A table.
    List {
        /// Of what.
        what: What,
        /// As it is looked at.
        list: List,
    },
    /// A text about one thing.
    Text {
        /// About what.
        subject: Subject,
        /// The first line that is visible.
        top: usize,
    },
}

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Threads.
    Threads,
    /// Kinds of tasks.
    Kinds,
    /// Tasks of a kind.
    Tasks(u64),
    /// Locks, channels and semaphores.
    Locks,
    /// What is stuck.
    Problems,
}

/// What a text is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A thread, by its ID.
    Thread(u64),
    /// A task.
    Task(u64),
    /// Where tasks of a kind wait.
    Places(u64),
    /// A lock, a channel, a semaphore.
    Lock(u64),
    /// Something that is stuck.
    Problem(u64),
    /// How it is sampled, and what a person should know before she believes a number.
    Sampling,
}

impl Page {
    /// A table that nobody has touched.
    pub fn list(what: What) -> Self {
        Self::List {
            what,
            list: List::default(),
        }
    }

    /// A text from its beginning.
    pub fn text(subject: Subject) -> Self {
        Self::Text { subject, top: 0 }
    }

    /// What it is called, in a path of pages.
    pub fn title(&self, picture: &Picture) -> String {
        let kind = |id: u64| {
            picture
                .titles
                .get(&id)
                .map_or("?".to_owned(), |title| printable(title))
        };
        match self {
            Self::List { what, .. } => match what {
                What::Threads | What::Kinds | What::Locks | What::Problems => String::new(),
                What::Tasks(id) => kind(*id),
            },
            Self::Text { subject, .. } => match subject {
                Subject::Thread(tid) => format!("thread {tid}"),
                Subject::Task(id) => crate::tasks::text::id(*id),
                Subject::Places(id) => format!("where {} waits", kind(*id)),
                Subject::Lock(id) => {
                    let row = picture.resource_rows.iter().find(|row| row.id == *id);
                    row.map_or("gone".to_owned(), |row| row.title.clone())
                }
                Subject::Sampling => "how it is sampled".to_owned(),
                Subject::Problem(wanted) => {
                    let mut problems = picture.verdicts.problems.iter();
                    let problem = problems.find(|one| problem_rows::id(one) == *wanted);
                    problem.map_or("over", |one| one.kind.label()).to_owned()
                }
            },
        }
    }
}

impl What {
    /// Its rows in a picture.
    pub fn rows(self, picture: &Picture) -> Box<dyn Rows + '_> {
        match self {
            Self::Threads => Box::new(ThreadRows(&picture.threads)),
            Self::Kinds => Box::new(KindRows(&picture.kinds)),
            Self::Locks => Box::new(ResourceRows(&picture.resource_rows)),
            Self::Problems => Box::new(ProblemRows(&picture.verdicts.problems)),
            Self::Tasks(kind) => {
                let (rows, places) = (&picture.task_rows, &picture.places);
                Box::new(TaskRows::new(rows, places, &picture.titles, Some(kind)))
            }
        }
    }

    /// What Enter opens of a row.
    pub fn open(self, row: u64) -> Page {
        match self {
            Self::Threads => Page::text(Subject::Thread(row)),
            Self::Kinds => Page::list(What::Tasks(row)),
            Self::Tasks(_) => Page::text(Subject::Task(row)),
            Self::Locks => Page::text(Subject::Lock(row)),
            Self::Problems => Page::text(Subject::Problem(row)),
        }
    }

    /// What an empty table says.
    pub fn nothing(self) -> &'static str {
        match self {
            Self::Locks => {
                "no locks are known: hotpoll::sync in the place of parking_lot, hotpoll::std::sync in that of std"
            }
            Self::Problems => "nothing is stuck",
            Self::Threads => "no threads",
            Self::Kinds => {
                "no tracked tasks: hotpoll::spawn in the place of tokio::spawn tracks a task"
            }
            Self::Tasks(_) => "no task of this kind is alive",
        }
    }
}
