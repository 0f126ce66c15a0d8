//! Which tasks are looked at.

use hotpoll_profile::TaskKind;
use hotpoll_symbolizer::view::Frames;
use hotpoll_symbolizer::view::live_tasks::LiveTask;
use regex::Regex;

/// Which tasks are looked at: all conditions hold together.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A kind's name, or its site (`src/main.rs:33`, or the end of it).
    pub kind: Option<String>,
    /// What a kind's name or site, or a function where the task waits or is polled, must match.
    pub pattern: Option<Regex>,
}

impl Filter {
    /// Whether everything passes.
    pub fn is_everything(&self) -> bool {
        self.kind.is_none() && self.pattern.is_none()
    }

    /// Whether a kind is looked at.
    pub fn selects_kind(&self, kind: &TaskKind) -> bool {
        let matches = |pattern: &Regex| {
            pattern.is_match(&kind.title()) || pattern.is_match(&kind.site.to_string())
        };
        self.names(kind) && self.pattern.as_ref().is_none_or(matches)
    }

    /// Whether a task is looked at.
    pub fn selects(&self, frames: &Frames, one: &LiveTask<'_>) -> bool {
        let Some(kind) = one.kind else {
            // Kinds that found no room are nobody's.
            return self.is_everything();
        };
        if !self.names(kind) {
            return false;
        }
        let Some(pattern) = &self.pattern else {
            return true;
        };
        let waits = one.task.waits.iter().map(|wait| &wait.stack);
        let polled = one.thread.iter().map(|now| &now.stack);
        let locations = waits.chain(polled).flatten();
        self.selects_kind(kind)
            || (locations.flat_map(|&location| frames.at(location)))
                .any(|at| pattern.is_match(&frames.get(at.frame).name))
    }

    fn names(&self, kind: &TaskKind) -> bool {
        let Some(wanted) = &self.kind else {
            return true;
        };
        let site = &kind.site;
        let with_line = format!("{}:{}", site.file, site.line);
        kind.name == *wanted
            || kind.title() == *wanted
            || (!site.file.is_empty() && ends_at_folder(&with_line, wanted))
    }
}

/// Whether a path ends with another one, whole names of it.
fn ends_at_folder(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hotpoll_profile::Site;

    #[track_caller]
    fn check(kind: Option<&str>, pattern: Option<&str>, expected: bool) {
        let of = TaskKind {
            name: "request".to_owned(),
            site: Site {
                file: "/srv/shop/src/main.rs".to_owned(),
                line: 33,
                column: 9,
            },
            ..TaskKind::default()
        };
        let filter = Filter {
            kind: kind.map(str::to_owned),
            pattern: pattern.map(|pattern| Regex::new(pattern).unwrap()),
        };
        assert_eq!(filter.selects_kind(&of), expected, "{kind:?} {pattern:?}");
    }

    #[test]
    fn kinds_by_name_and_site() {
        check(None, None, true);
        check(Some("request"), None, true);
        check(Some("reque"), None, false);
        check(Some("main.rs:33"), None, true);
        check(Some("src/main.rs:33"), None, true);
        check(Some("n.rs:33"), None, false);
        check(None, Some("^req"), true);
        check(None, Some("shop/src"), true);
        check(Some("request"), Some("elsewhere"), false);
    }
}
