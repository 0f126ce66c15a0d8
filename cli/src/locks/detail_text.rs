//! Who holds a lock, who waits for it, and what is in a channel, in lines.

use super::data::{ChannelData, HolderData, KindWaitsData, ResourceData, UsesData, WaiterData};
use super::text::short;
use crate::export::text::printable;
use crate::text::number::{compact, count, duration, percent_in_words};
use crate::text::since;
use crate::text::style::{DIM, WARNING, paint};
use crate::text::width::{keep_start, wrap};

/// Holders and waiters that are listed of each, unless more is asked for.
const PARTIES: usize = 3;
const INDENT: &str = "      ";

/// The lines under a resource's figures.
pub fn details(one: &ResourceData, all: bool, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |style: anstyle::Style, text: String| {
        let room = columns.saturating_sub(INDENT.len());
        lines.push(format!("{INDENT}{}", paint(style, keep_start(&text, room))));
    };
    if one.poisoned {
        say(WARNING, "poisoned by a panic".to_owned());
    }
    if let Some(channel) = &one.channel {
        say(DIM, channel_line(channel));
    }
    if let Some(permits) = one.permits {
        say(
            DIM,
            format!(
                "{} of {} permits free{}",
                count(permits.available),
                count(permits.total),
                if permits.is_signal {
                    ": made without any, as a signal"
                } else {
                    ""
                }
            ),
        );
    }
    if one.inferred {
        say(
            DIM,
            "inferred from stacks: nobody wrapped it, and who holds it is not known".to_owned(),
        );
    }
    let words = match &one.channel {
        Some(_) => ["sent", "received"],
        None => ["written", "read"],
    };
    let given_up: Vec<(&str, String)> = (words.into_iter().zip([&one.exclusive, &one.shared]))
        .filter_map(|(word, uses)| Some((word, given_up(uses)?)))
        .collect();
    for (word, text) in &given_up {
        // The mode goes without saying where no reading, or receiving, gave up either.
        match *word {
            "written" | "sent" => say(DIM, text.clone()),
            word => say(DIM, format!("{text} ({word})")),
        }
    }
    let most = if all { usize::MAX } else { PARTIES };
    for holder in one.holders.iter().take(most) {
        say(anstyle::Style::new(), holder_line(holder));
        if !holder.doing.is_empty() {
            say(DIM, format!("  it is {}", printable(&holder.doing)));
        }
    }
    let more = one.holders.len().saturating_sub(most) as u64 + one.more_holders;
    if more > 0 {
        say(DIM, format!("and {} more hold it", count(more)));
    }
    for waiter in one.waiters.iter().take(most) {
        say(WARNING, waiter_line(waiter));
    }
    let more = one.waiters.len().saturating_sub(most) as u64 + one.more_waiters;
    if more > 0 {
        say(DIM, format!("and {} more wait", count(more)));
    }
    for (what, uses) in [("", &one.exclusive), (" (shared)", &one.shared)] {
        let Some(longest) = &uses.longest_wait else {
            continue;
        };
        let mut text = format!(
            "longest wait{what}: {} by {}",
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
        for (index, line) in wrap(&text, columns.saturating_sub(INDENT.len() + 2))
            .iter()
            .enumerate()
        {
            say(DIM, format!("{}{line}", if index == 0 { "" } else { "  " }));
        }
    }
    if !one.by_kind.is_empty() {
        let kinds = kinds_line(&one.by_kind, if all { usize::MAX } else { PARTIES });
        let text = format!("waited for by tasks {kinds}");
        for (index, line) in wrap(&text, columns.saturating_sub(INDENT.len() + 2))
            .iter()
            .enumerate()
        {
            say(DIM, format!("{}{line}", if index == 0 { "" } else { "  " }));
        }
    }
    lines
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
fn given_up(uses: &UsesData) -> Option<String> {
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

fn holder_line(holder: &HolderData) -> String {
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

fn waiter_line(waiter: &WaiterData) -> String {
    let mode = match waiter.mode {
        "exclusive" => "",
        "shared" => " to read",
        "upgrading" => " to upgrade",
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

fn channel_line(channel: &ChannelData) -> String {
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
