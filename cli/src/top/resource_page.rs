//! What there is to say about one lock, channel or semaphore.

use super::picture::Picture;
use crate::export::text::printable;
use crate::stack;
use crate::text::number::{compact, count, counted, duration};
use crate::text::style::{DIM, STRONG, WARNING, heading, paint};
use crate::text::width::{keep_start, wrap};
use hotpoll_profile::{Histogram, Longest, Resource, Uses};
use hotpoll_symbolizer::verdict::{Actor, Names, names};
use hotpoll_symbolizer::view::Frames;

/// Holders, and waiters, that are listed.
const LISTED: usize = 30;

/// A page being written.
struct Page<'p> {
    lines: Vec<String>,
    columns: usize,
    frames: &'p Frames<'p>,
    names: &'p Names<'p>,
    resource: &'p Resource,
}

/// The lines of a resource's page.
pub fn lines(picture: &Picture, id: u64, columns: usize) -> Vec<String> {
    let Some(resource) = picture.resources.iter().find(|one| one.id == id) else {
        return vec![paint(WARNING, keep_start("it is gone", columns))];
    };
    let frames = Frames::new(picture.now.profile());
    let names = Names::new(&frames, picture.now.snapshot());
    let mut page = Page {
        lines: Vec::new(),
        columns,
        frames: &frames,
        names: &names,
        resource,
    };
    page.title();
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

    fn stack(&mut self, stack: &[u32]) {
        let levels = stack::fold(self.frames, stack);
        self.lines
            .extend(stack::lines(&levels, "    ", self.columns));
    }

    fn title(&mut self) {
        let resource = self.resource;
        let title = printable(&names::resource(resource));
        self.lines
            .push(paint(STRONG, keep_start(&title, self.columns)));
        let mut words = Vec::new();
        if resource.inferred {
            words.push("inferred from the stacks of those who wait: nobody wrapped it".to_owned());
        } else {
            words.push(format!(
                "{}'s, made{}",
                resource.library.label(),
                names::at(&resource.site)
            ));
            words.push(format!("{} old", duration(resource.age_ns)));
        }
        if resource.instances > 1 {
            words.push(format!(
                "{} of this site together",
                count(resource.instances)
            ));
        }
        if let Some(permits) = resource.permits {
            let all = counted(permits.total, "permit");
            words.push(format!("{} of {all} free", count(permits.available)));
        }
        self.say(&words.join(", "));
        if let Some(channel) = &resource.channel {
            let length = match channel.capacity {
                Some(capacity) => format!("{} of {} in it", count(channel.length), count(capacity)),
                None => format!("{} in it, no bound", count(channel.length)),
            };
            let ago = |ns: u64| match ns {
                0 => String::new(),
                ns => format!(", last {} ago", duration(ns)),
            };
            self.say(&format!(
                "{length}; {} sent{}; {} received{}; {}, {}",
                count(channel.sent),
                ago(channel.last_sent_ns),
                count(channel.received),
                ago(channel.last_received_ns),
                counted(channel.senders, "sender"),
                counted(channel.receivers, "receiver"),
            ));
            if let Some(closed) = channel.closed {
                self.say(&format!("closed: {}", closed.label()));
            }
        }
        if resource.poisoned {
            let line = keep_start("  ! poisoned by a panic", self.columns);
            self.lines.push(paint(WARNING, line));
        }
    }

    fn holders(&mut self) {
        let resource = self.resource;
        let holders = resource.holders.len() as u64 + resource.more_holders;
        if holders == 0 {
            return;
        }
        self.section("Held by", &format!("({})", counted(holders, "holder")));
        for holder in resource.holders.iter().take(LISTED) {
            let who = self.names.holder(holder, resource);
            let held = names::held(holder.since_ns, holder.since);
            let mode = holder.mode.label();
            self.say(&format!("{who}{}, {mode}: {held}", names::at(&holder.site)));
            if Actor::holding(holder, resource).is_some() {
                let doing = self.names.doing_of(holder, resource);
                self.say(&format!("it is {}", doing.words));
                self.stack(&doing.stack);
            }
        }
        let more = holders.saturating_sub(resource.holders.len().min(LISTED) as u64);
        self.more(more);
    }

    fn waiters(&mut self) {
        let resource = self.resource;
        let waiters = resource.waiters.len() as u64 + resource.more_waiters;
        if waiters == 0 {
            return;
        }
        self.section(
            "Waiting for it",
            &format!("({}, in order of arrival)", count(waiters)),
        );
        for (index, waiter) in resource.waiters.iter().take(LISTED).enumerate() {
            let who = self.names.waiter(waiter, resource);
            let timed = names::ends(waiter, resource);
            self.say(&format!(
                "{who} for {}{}, {}{timed}",
                duration(waiter.since_ns),
                names::at(&waiter.site),
                waiter.mode.label()
            ));
            // Most wait in the same place.
            if index == 0 {
                self.stack(&waiter.stack);
            }
        }
        let more = waiters.saturating_sub(resource.waiters.len().min(LISTED) as u64);
        self.more(more);
    }

    fn more(&mut self, more: u64) {
        if more > 0 {
            self.lines
                .push(paint(DIM, format!("  and {}", counted(more, "other"))));
        }
    }

    fn uses(&mut self) {
        let resource = self.resource;
        let titles = match (resource.kind.is_channel(), resource.kind.is_lock()) {
            (true, _) => ["Sending", "Receiving"],
            (_, true) => ["Exclusive uses", "Shared uses"],
            _ => ["Uses", "Shared uses"],
        };
        for (title, uses) in titles
            .into_iter()
            .zip([&resource.exclusive, &resource.shared])
        {
            if *uses == Uses::default() {
                continue;
            }
            self.section(title, "(since it was made)");
            let mut sentence = format!(
                "{}, {} of them waited, {} in all",
                counted(uses.acquired, "acquisition"),
                count(uses.contended),
                duration(uses.wait_ns)
            );
            for (n, what) in [
                (uses.tries_failed, "tries failed"),
                (uses.timed_out, "timed out"),
                (uses.cancelled, "cancelled"),
            ] {
                if n > 0 {
                    sentence += &format!(", {} {what}", count(n));
                }
            }
            self.say(&sentence);
            if let Some(spread) = spread(&uses.wait, uses.longest_wait.as_ref()) {
                self.say(&format!("wait {spread}"));
            }
            if let Some(spread) = spread(&uses.hold, uses.longest_hold.as_ref()) {
                self.say(&format!(
                    "hold {spread} (of {} that were timed)",
                    count(uses.holds_timed)
                ));
            }
            self.longest("longest wait", uses.longest_wait.as_ref());
            self.longest("longest hold", uses.longest_hold.as_ref());
        }
    }

    fn longest(&mut self, what: &str, longest: Option<&Longest>) {
        let Some(longest) = longest else {
            return;
        };
        let resource = self.resource;
        let mut sentence = format!(
            "{what} {}: {}{}",
            duration(longest.ns),
            self.names.party(longest.who, resource),
            names::at(&longest.site)
        );
        if let Some(other) = longest.other {
            let other = self.names.party(other, resource);
            sentence += &format!("; held by {other}{}", names::at(&longest.other_site));
        }
        self.say(&sentence);
        self.stack(&longest.stack);
    }
}

/// A quantile is the end of a bucket; nothing took longer than the longest.
fn spread(histogram: &Histogram, longest: Option<&Longest>) -> Option<String> {
    let most_ns = longest.map_or(u64::MAX, |longest| longest.ns);
    let [half, most, all] = [0.5, 0.99, 1.0].map(|q| Some(histogram.quantile(q)?.min(most_ns)));
    Some(format!(
        "p50 {}, p99 {}, longest {}",
        compact(half?),
        compact(most?),
        compact(all?)
    ))
}
