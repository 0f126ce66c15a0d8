//! What is met too seldom to be tested, and may have got dearer all the same by as much as would have to fail: a green verdict does not speak of it.

use crate::{Family, Notice};

/// One function, task kind or lock.
#[derive(Debug, Clone)]
pub(crate) struct Unseen {
    pub family: Family,
    pub name: String,
    /// How often it was met, base and new.
    pub counts: [u64; 2],
    /// So much it may have got dearer by, nanoseconds per unit.
    pub most: f64,
}

impl Unseen {
    /// Those that may have got dearer by more than the margin's part of the whole.
    pub fn matters(&self, margin: f64) -> bool {
        self.most > margin
    }
}

/// So many are named.
const NAMED: usize = 3;

/// A sentence for each kind of them, as they are few.
pub(crate) fn notices(unseen: &[Unseen]) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (family, what, seldom) in [
        (Family::Cpu, "", "samples"),
        (Family::Poll, "polls of ", "polls"),
        (Family::LockWait, "waits at ", "waits"),
    ] {
        let of_family = || unseen.iter().filter(|one| one.family == family);
        let named = of_family().take(NAMED).map(|one| {
            let [base, new] = one.counts;
            format!("{what}{} ({base} and {new})", one.name)
        });
        let named: Vec<String> = named.collect();
        if named.is_empty() {
            continue;
        }
        let others = match of_family().count() - named.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        notices.push(Notice {
            text: format!(
                "too few {seldom} in base and new build to test {}{others}, which may have got dearer beyond the margin: let runs do more",
                named.join(", ")
            ),
        });
    }
    notices
}
