//! What there is to say about one lock, channel or semaphore: what `hotpoll locks` says of it, with the stacks.

use super::picture::Picture;
use crate::export::text::printable;
use crate::locks::data::{ResourceData, UsesData};
use crate::locks::{self, sentences};
use crate::stack::{self, LevelData};
use crate::text::number::{compact, count, counted, duration};
use crate::text::style::{DIM, STRONG, WARNING, heading, paint};
use crate::text::width::{keep_start, wrap};
use hotpoll_profile::ResourceKind;
use hotpoll_symbolizer::verdict::{Names, names};
use hotpoll_symbolizer::view::Frames;

/// Holders, and waiters, that are listed.
const LISTED: usize = 30;
/// Task kinds that waited.
const KINDS: usize = 8;

/// A page being written.
struct Page<'p> {
    lines: Vec<String>,
    columns: usize,
    one: &'p ResourceData,
    kind: ResourceKind,
}

/// The lines of a resource's page.
pub fn lines(picture: &Picture, id: u64, columns: usize) -> Vec<String> {
    let Some(resource) = picture.resources.iter().find(|one| one.id == id) else {
        return vec![paint(WARNING, keep_start("it is gone", columns))];
    };
    let snapshot = picture.now.snapshot();
    let frames = Frames::new(picture.now.profile());
    let names = Names::new(&frames, snapshot);
    let one = locks::resource(&frames, &names, &snapshot.tasks.kinds, resource);
    let mut page = Page {
        lines: Vec::new(),
        columns,
        one: &one,
        kind: resource.kind,
    };
    page.title(&names::resource(resource));
    page.holders();
    page.waiters();
    page.uses();
    page.lines
}

impl Page<'_> {
    fn say(&mut self, sentence: &str) {
        let room = self.columns.saturating_sub(2);
        let lines = wrap(&printable(sentence), room);
        self.lines
            .extend(lines.iter().map(|line| format!("  {line}")));
    }

    fn section(&mut self, title: &str, note: &str) {
        self.lines.push(String::new());
        self.lines.push(heading(title, note, self.columns));
    }

    fn stack(&mut self, folded: &[LevelData]) {
        self.lines
            .extend(stack::lines(folded, "    ", self.columns));
    }

    fn title(&mut self, title: &str) {
        let one = self.one;
        let title = keep_start(&printable(title), self.columns);
        self.lines.push(paint(STRONG, title));
        let mut words = Vec::new();
        if one.inferred {
            words.push(sentences::INFERRED.to_owned());
        } else {
            let site = locks::short(&one.site);
            let at = match site.as_str() {
                "" => String::new(),
                site => format!(" at {site}"),
            };
            words.push(format!("{}'s, made{at}", one.library));
            words.push(format!("{} old", duration(one.age_ns)));
        }
        if one.instances > 1 {
            words.push(format!("{} of this site together", count(one.instances)));
        }
        self.say(&words.join(", "));
        if let Some(permits) = one.permits {
            self.say(&sentences::permits(permits));
        }
        if let Some(channel) = &one.channel {
            self.say(&sentences::channel(channel));
            let ago = |ns: u64, what: &str| {
                (ns > 0).then(|| format!("the last one was {what} {} ago", duration(ns)))
            };
            let ago = [
                ago(channel.last_sent_ns, "sent"),
                ago(channel.last_received_ns, "received"),
            ];
            let ago: Vec<String> = ago.into_iter().flatten().collect();
            if !ago.is_empty() {
                self.say(&ago.join(", "));
            }
        }
        if one.poisoned {
            let line = format!("  ! {}", sentences::POISONED);
            self.lines
                .push(paint(WARNING, keep_start(&line, self.columns)));
        }
    }

    fn holders(&mut self) {
        let one = self.one;
        let holders = one.holders.len() as u64 + one.more_holders;
        if holders == 0 {
            return;
        }
        self.section("Held by", &format!("({})", counted(holders, "holder")));
        for holder in one.holders.iter().take(LISTED) {
            self.say(&sentences::holder(holder));
            if let Some(doing) = sentences::doing(holder) {
                self.say(&doing);
            }
            self.stack(&holder.folded);
        }
        let more = holders.saturating_sub(one.holders.len().min(LISTED) as u64);
        self.more(more);
    }

    fn waiters(&mut self) {
        let one = self.one;
        let waiters = one.waiters.len() as u64 + one.more_waiters;
        if waiters == 0 {
            return;
        }
        self.section(
            "Waiting for it",
            &format!("({}, in order of arrival)", count(waiters)),
        );
        for (index, waiter) in one.waiters.iter().take(LISTED).enumerate() {
            self.say(&sentences::waiter(waiter, one));
            // Most wait in the same place.
            if index == 0 {
                self.stack(&waiter.folded);
            }
        }
        let more = waiters.saturating_sub(one.waiters.len().min(LISTED) as u64);
        self.more(more);
    }

    fn more(&mut self, more: u64) {
        if more > 0 {
            self.lines
                .push(paint(DIM, format!("  and {}", counted(more, "other"))));
        }
    }

    fn uses(&mut self) {
        let one = self.one;
        let titles = match (one.channel.is_some(), self.kind.is_lock()) {
            (true, _) => ["Sending", "Receiving"],
            (_, true) => ["Exclusive uses", "Shared uses"],
            _ => ["Uses", "Shared uses"],
        };
        for (title, uses) in titles.into_iter().zip([&one.exclusive, &one.shared]) {
            if is_unused(uses) {
                continue;
            }
            self.section(title, "(since it was made)");
            self.say(&format!(
                "{}, {} of them waited, {} in all",
                counted(uses.acquired, "acquisition"),
                count(uses.contended),
                duration(uses.wait_ns)
            ));
            if let Some(text) = sentences::given_up(uses) {
                self.say(&text);
            }
            if let (Some(half), Some(most)) = (uses.wait_p50_ns, uses.wait_p99_ns) {
                self.say(&format!(
                    "wait p50 {}, p99 {}",
                    compact(half),
                    compact(most)
                ));
            }
            if let (Some(half), Some(most)) = (uses.hold_p50_ns, uses.hold_p99_ns) {
                self.say(&format!(
                    "hold p50 {}, p99 {} (of {} that were timed)",
                    compact(half),
                    compact(most),
                    count(uses.holds_timed)
                ));
            }
            for (what, longest) in [
                ("longest wait", &uses.longest_wait),
                ("longest hold", &uses.longest_hold),
            ] {
                if let Some(longest) = longest {
                    self.say(&sentences::longest(what, longest));
                    self.stack(&longest.folded);
                }
            }
        }
        if !one.by_kind.is_empty() {
            self.section("Waited for by", "(tasks, since sampling began)");
            self.say(&sentences::kinds_line(&one.by_kind, KINDS));
        }
    }
}

/// Whether it was never used so, nor wanted.
fn is_unused(uses: &UsesData) -> bool {
    let numbers = [
        uses.acquired,
        uses.contended,
        uses.tries_failed,
        uses.timed_out,
        uses.cancelled,
        uses.wait_ns,
    ];
    numbers.iter().all(|number| *number == 0)
}
