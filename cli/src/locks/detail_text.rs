//! Who holds a lock, who waits for it, and what is in a channel, in lines below its figures.

use super::data::ResourceData;
use super::sentences;
use crate::text::number::count;
use crate::text::style::{DIM, WARNING, paint};
use crate::text::width::{keep_start, wrap};

/// Holders and waiters that are listed of each, unless more is asked for.
const PARTIES: usize = 3;
const INDENT: &str = "      ";

/// The lines under a resource's figures.
pub fn details(one: &ResourceData, all: bool, columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(INDENT.len());
    let mut lines = Vec::new();
    let plain = anstyle::Style::new();
    let mut say = |style: anstyle::Style, text: &str| {
        lines.push(format!("{INDENT}{}", paint(style, keep_start(text, room))));
    };
    // In several lines, if need be.
    let whole = |say: &mut dyn FnMut(anstyle::Style, &str), text: &str| {
        for (index, line) in wrap(text, room.saturating_sub(2)).iter().enumerate() {
            say(
                DIM,
                &format!("{}{line}", if index == 0 { "" } else { "  " }),
            );
        }
    };
    if one.poisoned {
        say(WARNING, sentences::POISONED);
    }
    if let Some(channel) = &one.channel {
        whole(&mut say, &sentences::channel(channel));
    }
    if let Some(permits) = one.permits {
        say(DIM, &sentences::permits(permits));
    }
    if one.inferred {
        say(DIM, sentences::INFERRED);
    }
    for text in sentences::without_it(one) {
        say(DIM, &text);
    }
    let most = if all { usize::MAX } else { PARTIES };
    for holder in one.holders.iter().take(most) {
        say(plain, &sentences::holder(holder));
        if let Some(doing) = sentences::doing(holder) {
            say(DIM, &format!("  {doing}"));
        }
    }
    let more = one.holders.len().saturating_sub(most) as u64 + one.more_holders;
    if more > 0 {
        say(DIM, &format!("and {} more hold it", count(more)));
    }
    for waiter in one.waiters.iter().take(most) {
        say(WARNING, &sentences::waiter(waiter, one));
    }
    let more = one.waiters.len().saturating_sub(most) as u64 + one.more_waiters;
    if more > 0 {
        say(DIM, &format!("and {} more wait", count(more)));
    }
    for (what, uses) in [
        ("longest wait", &one.exclusive),
        ("longest wait (shared)", &one.shared),
    ] {
        if let Some(longest) = &uses.longest_wait {
            whole(&mut say, &sentences::longest(what, longest));
        }
    }
    if !one.by_kind.is_empty() {
        let kinds = sentences::kinds_line(&one.by_kind, if all { usize::MAX } else { PARTIES });
        whole(&mut say, &format!("waited for by tasks {kinds}"));
    }
    lines
}
