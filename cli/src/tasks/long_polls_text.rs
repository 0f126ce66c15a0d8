//! Long polls for a terminal: looks that saw the same functions are told once, and so are polls of one kind in which nothing else was seen.

use super::data::{LongPollData, LookData};
use super::text::{LEVELS, id, title};
use crate::stack::{self, LevelData};
use crate::text::number::{compact, count, counted, duration, time_of_day};
use crate::text::style::{DIM, STRONG, WARNING, heading, paint, plain};
use crate::text::width::{keep_start, width};

/// The section.
pub fn section(lines: &mut Vec<String>, polls: &[LongPollData], long_poll_ns: u64, columns: usize) {
    lines.push(String::new());
    let note = format!("(over {})", duration(long_poll_ns));
    lines.push(heading("Long polls", &note, columns));
    if polls.is_empty() {
        lines.push(paint(DIM, "  none"));
    }
    let mut told = vec![false; polls.len()];
    for (at, poll) in polls.iter().enumerate() {
        if told[at] {
            continue;
        }
        let seen = Seen::of(poll);
        lines.push(head(poll, columns));
        lines.extend(seen.lines(columns));
        if poll.open {
            continue;
        }
        let mut like: Vec<u64> = Vec::new();
        for (other, told) in polls.iter().zip(&mut told).skip(at + 1) {
            let is_like = !other.open && other.kind == poll.kind;
            if is_like && Seen::of(other).is_like(&seen) {
                *told = true;
                like.push(other.poll_ns);
            }
        }
        if let (Some(shortest), Some(longest)) = (like.iter().min(), like.iter().max()) {
            let others = counted(like.len() as u64, "other");
            let (shortest, longest) = (compact(*shortest), compact(*longest));
            let times = match shortest == longest {
                true => shortest,
                false => format!("{shortest} to {longest}"),
            };
            lines.push(paint(
                DIM,
                format!("    and {others} of its kind like it: {times}"),
            ));
        }
    }
}

fn head(poll: &LongPollData, columns: usize) -> String {
    let how = match poll.open {
        true => paint(WARNING, format!("running for {}", compact(poll.poll_ns))),
        false => format!("took {}", compact(poll.poll_ns)),
    };
    let since = format!("since {} UTC", time_of_day(poll.start_unix_ns));
    let id = format!("{} ", id(poll.task));
    let used = 2 + width(&plain(&how)) + 2 + width(&since) + 2 + width(&id);
    let kind = title(&poll.kind, columns.saturating_sub(used));
    format!(
        "  {how}  {}  {}{}",
        paint(DIM, since),
        paint(DIM, id),
        paint(STRONG, kind)
    )
}

/// What looks at a poll saw.
struct Seen<'d> {
    /// Most looks first.
    groups: Vec<Group<'d>>,
    /// What is said where there are none.
    nothing: String,
}

/// Looks that saw the same functions in the same state.
struct Group<'d> {
    looks: Vec<&'d LookData>,
}

impl<'d> Seen<'d> {
    fn of(poll: &'d LongPollData) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for look in &poll.stacks {
            match groups
                .iter_mut()
                .find(|group| is_same(group.looks[0], look))
            {
                Some(group) => group.looks.push(look),
                None => groups.push(Group { looks: vec![look] }),
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.looks.len()));
        let so_far = if poll.open {
            "no stack so far"
        } else {
            "no stack"
        };
        let nothing = match poll.no_stack {
            Some(why) => format!("{so_far}: {why}"),
            None => so_far.to_owned(),
        };
        Self { groups, nothing }
    }

    /// Whether another poll shows nothing that this one's reader does not know: its looks saw only what was seen here.
    fn is_like(&self, known: &Self) -> bool {
        let is_known = |group: &Group| {
            let mut known = known.groups.iter();
            known.any(|other| is_same(other.looks[0], group.looks[0]))
        };
        match self.groups.is_empty() {
            true => known.groups.is_empty() && self.nothing == known.nothing,
            false => self.groups.iter().all(is_known),
        }
    }

    fn lines(&self, columns: usize) -> Vec<String> {
        if self.groups.is_empty() {
            let nothing = keep_start(&self.nothing, columns.saturating_sub(6));
            return vec![paint(DIM, format!("      {nothing}"))];
        }
        let mut lines = Vec::new();
        for group in &self.groups {
            lines.push(paint(DIM, format!("    {}", group.when())));
            let stack = stack::lines(&group.folded(), "      ", columns);
            lines.extend(stack.into_iter().take(LEVELS));
        }
        lines
    }
}

impl Group<'_> {
    fn when(&self) -> String {
        let times = || self.looks.iter().map(|look| look.at_ns);
        let state = self.looks[0].state;
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        match self.looks.len() {
            1 => format!("at {}: {state}", compact(first)),
            n => format!(
                "{} looks, at {} to {}: {state}",
                count(n as u64),
                compact(first),
                compact(last)
            ),
        }
    }

    /// The stack, without the lines in which the looks differ.
    fn folded(&self) -> Vec<LevelData> {
        let mut folded = self.looks[0].folded.clone();
        for (at, level) in folded.iter_mut().enumerate() {
            let line = |look: &&LookData| look.folded[at].frame.line == level.frame.line;
            if !self.looks.iter().all(line) {
                level.frame.line = 0;
            }
        }
        folded
    }
}

/// The same functions in the same state; the lines in them may differ.
fn is_same(one: &LookData, other: &LookData) -> bool {
    let names = |look: &LookData| -> Vec<(bool, String)> {
        let levels = look.folded.iter();
        levels
            .map(|level| (level.is_own(), level.frame.name.clone()))
            .collect()
    };
    one.state == other.state && names(one) == names(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::FrameData;

    fn look(at_ms: u64, state: &'static str, function: &str, line: u32) -> LookData {
        LookData {
            at_ns: at_ms * 1_000_000,
            state,
            folded: vec![LevelData {
                frame: FrameData {
                    name: function.to_owned(),
                    origin: "own",
                    file: "src/x.rs".to_owned(),
                    line,
                },
                folded: 0,
            }],
            stack: Vec::new(),
        }
    }

    fn poll(ms: u64, open: bool, stacks: Vec<LookData>) -> LongPollData {
        LongPollData {
            task: ms,
            kind: "reindex".to_owned(),
            start_unix_ns: 0,
            poll_ns: ms * 1_000_000,
            open,
            no_stack: stacks.is_empty().then_some("nobody looked"),
            stacks,
        }
    }

    #[test]
    fn what_was_seen_before_is_told_once() {
        let hash = |at, line| look(at, "running", "shop::hash", line);
        let polls = [
            poll(90, true, vec![hash(12, 5)]),
            poll(
                50,
                false,
                vec![hash(12, 5), look(14, "lock", "shop::db", 9), hash(16, 6)],
            ),
            poll(51, false, vec![hash(13, 7)]),
            poll(60, false, vec![]),
            poll(52, false, vec![hash(14, 5), hash(19, 5)]),
            poll(61, false, vec![]),
            poll(53, false, vec![look(14, "sleep", "shop::nap", 1)]),
            poll(16, true, vec![]),
        ];
        let mut lines = Vec::new();
        section(&mut lines, &polls, 10_000_000, 80);
        let text: Vec<String> = lines.iter().map(|line| plain(line)).collect();
        assert_eq!(
            text.join("\n"),
            "
Long polls (over 10.0 ms)
  running for 90.0ms  since 00:00:00 UTC  #90 reindex
    at 12.0ms: running
      shop::hash  x.rs:5
  took 50.0ms  since 00:00:00 UTC  #50 reindex
    2 looks, at 12.0ms to 16.0ms: running
      shop::hash
    at 14.0ms: lock
      shop::db  x.rs:9
    and 2 others of its kind like it: 51.0ms to 52.0ms
  took 60.0ms  since 00:00:00 UTC  #60 reindex
      no stack: nobody looked
    and 1 other of its kind like it: 61.0ms
  took 53.0ms  since 00:00:00 UTC  #53 reindex
    at 14.0ms: sleep
      shop::nap  x.rs:1
  running for 16.0ms  since 00:00:00 UTC  #16 reindex
      no stack so far: nobody looked"
        );
    }
}
