//! What there is to say of one resource, sentence by sentence: `hotpoll locks` and a page of `hotpoll top` say the same.

use super::data::{
    ChannelData, HolderData, KindWaitsData, LongestData, PermitsData, ResourceData, UsesData,
    WaiterData,
};
use super::text::short;
use crate::export::text::printable;
use crate::text::number::{compact, count, duration, percent_in_words};
use crate::text::since;
use hotpoll_profile::ResourceKind;

/// What is known of a lock that nobody wrapped.
pub const INFERRED: &str = "inferred from stacks: nobody wrapped it, and who holds it is not known";
/// Whoever held it has panicked.
pub const POISONED: &str = "poisoned by a panic";

/// `6 of 8 permits free`.
pub fn permits(permits: PermitsData) -> String {
    let signal = match permits.is_signal {
        true => ": made without any, as a signal",
        false => "",
    };
    let (free, all) = (count(permits.available), count(permits.total));
    format!("{free} of {all} permits free{signal}")
}

/// Those who went without it, in each mode: `3 tries failed (read)`.
pub fn without_it(one: &ResourceData) -> Vec<String> {
    let words = match &one.channel {
        Some(_) => ["sent", "received"],
        None => ["written", "read"],
    };
    (words.into_iter().zip([&one.exclusive, &one.shared]))
        .filter_map(|(word, uses)| {
            let text = given_up(uses)?;
            // The mode goes without saying where no reading, or receiving, gave up either.
            Some(match word {
                "written" | "sent" => text,
                word => format!("{text} ({word})"),
            })
        })
        .collect()
}

/// What holders are doing: `it is running for 30.0 ms in save → write`; nothing where that is not known.
pub fn doing(holder: &HolderData) -> Option<String> {
    (!holder.doing.is_empty()).then(|| format!("it is {}", printable(&holder.doing)))
}

/// `longest wait: 120 ms by task #9 (request) at cache.rs:77, held by task #4 (request) at cache.rs:41`.
pub fn longest(what: &str, longest: &LongestData) -> String {
    let mut text = format!(
        "{what}: {} by {}",
        duration(longest.ns),
        printable(&longest.who)
    );
    if !longest.site.is_empty() {
        text += &format!(" at {}", short(&longest.site));
    }
    if let Some(other) = &longest.other {
        text += &format!(", held by {}", printable(other));
        if !longest.other_site.is_empty() {
            text += &format!(" at {}", short(&longest.other_site));
        }
    }
    text
}

/// `save 12.0s (62% of its life), load 1.20s (0.3%)`.
pub fn kinds_line(by_kind: &[KindWaitsData], most: usize) -> String {
    let shown = by_kind.iter().take(most).enumerate();
    let mut parts: Vec<String> = shown
        .map(|(index, one)| {
            let of = if index == 0 { " of its life" } else { "" };
            format!(
                "{} {} ({}{of})",
                printable(&one.title),
                compact(one.wait_ns),
                percent_in_words(one.share)
            )
        })
        .collect();
    let more = by_kind.len().saturating_sub(most);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    parts.join(", ")
}

/// Those who went without it: `3 tries failed, 1 wait timed out, 2 cancelled`; `None`: none did.
pub fn given_up(uses: &UsesData) -> Option<String> {
    let counted = |n: u64, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{} {many}", count(n))),
    };
    let parts: Vec<String> = [
        counted(uses.tries_failed, "try failed", "tries failed"),
        counted(uses.timed_out, "wait timed out", "waits timed out"),
        counted(uses.cancelled, "wait was cancelled", "waits were cancelled"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `held to read (at least 1.20s) by task #4 (request) at cache.rs:41`.
pub fn holder(holder: &HolderData) -> String {
    let since = since::in_words(holder.since_ns, holder.since);
    let since = since.unwrap_or_else(|| "not known how long".to_owned());
    let mode = match holder.mode {
        "exclusive" => "",
        "shared" => " to read",
        _ => " upgradably",
    };
    let amount = match holder.amount {
        0 | 1 => String::new(),
        n => format!(" {} of it", count(n)),
    };
    let ended = match holder.ended {
        true => ", which has ended,",
        false => "",
    };
    let mut line = format!(
        "held{mode} ({since}) by {}{amount}{ended}",
        printable(&holder.who)
    );
    if !holder.site.is_empty() {
        line += &format!(" at {}", short(&holder.site));
    }
    line
}

/// `waits to read 1.20s: task #9 (request) at cache.rs:77, gives up in 3.00 s`.
pub fn waiter(waiter: &WaiterData, of: &ResourceData) -> String {
    let mode = match (waiter.mode, &of.channel) {
        ("exclusive", Some(_)) => " to send",
        ("shared", Some(_)) => " to receive",
        ("exclusive", None) => "",
        ("shared", None) if of.kind == ResourceKind::RwLock.label() => " to read",
        // To be called, or for a time to come.
        ("shared", None) => "",
        ("upgrading", _) => " to upgrade",
        _ => " to read upgradably",
    };
    let mut line = format!(
        "waits{mode} {}: {}",
        compact(waiter.since_ns),
        printable(&waiter.who)
    );
    if waiter.amount > 1 {
        line += &format!(" for {}", count(waiter.amount));
    }
    if !waiter.site.is_empty() {
        line += &format!(" at {}", short(&waiter.site));
    }
    line += &waiter.ends;
    line
}

/// `3/16 in it, 16 sent, 13 received; 2 senders, 1 receiver; received by task #4 (request)`.
pub fn channel(channel: &ChannelData) -> String {
    let fits = match channel.capacity {
        Some(capacity) => format!("{}/{}", count(channel.length), count(capacity)),
        None => count(channel.length),
    };
    let ends = |n: u64, noun: &str| match n {
        1 => format!("1 {noun}"),
        n => format!("{} {noun}s", count(n)),
    };
    let mut line = format!(
        "{fits} in it, {} sent, {} received; {}, {}",
        count(channel.sent),
        count(channel.received),
        ends(channel.senders, "sender"),
        ends(channel.receivers, "receiver"),
    );
    if let Some(why) = channel.closed {
        line += &format!("; {why}");
    } else if let Some(receiver) = &channel.receiver {
        line += &format!("; received by {}", printable(receiver));
    }
    line
}
