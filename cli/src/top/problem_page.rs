//! What there is to say about one problem.

use super::picture::Picture;
use super::problem_rows::id;
use crate::export::text::printable;
use crate::stack;
use crate::text::number::{counted, duration};
use crate::text::style::{DIM, ERROR, STRONG, heading, paint};
use crate::text::width::{keep_start, wrap};
use hotpoll_profile::Site;
use hotpoll_symbolizer::verdict::{Owner, Problem, ProblemKind, names};
use hotpoll_symbolizer::view::Frames;

/// Victims that are listed.
const VICTIMS: usize = 30;

/// The lines of a problem's page.
pub fn lines(picture: &Picture, wanted: u64, columns: usize) -> Vec<String> {
    let problem = picture
        .verdicts
        .problems
        .iter()
        .find(|one| id(one) == wanted);
    let Some(problem) = problem else {
        return vec![keep_start("this problem is over", columns)];
    };
    let frames = Frames::new(picture.now.profile());
    let stack = |lines: &mut Vec<String>, stack: &[u32]| {
        lines.extend(stack::lines(&stack::fold(&frames, stack), "    ", columns));
    };
    let mut lines = Vec::new();
    let title = format!(
        "{}, {}, for {}",
        problem.kind.label(),
        problem.confidence.label(),
        duration(problem.age_ns)
    );
    lines.push(paint(ERROR, keep_start(&title, columns)));
    let say = |lines: &mut Vec<String>, indent: &str, sentence: &str| {
        let room = columns.saturating_sub(indent.len());
        lines.extend(
            wrap(&printable(sentence), room)
                .iter()
                .map(|line| format!("{indent}{line}")),
        );
    };
    for line in wrap(&printable(&problem.headline), columns) {
        lines.push(paint(STRONG, line));
    }
    if !problem.evidence.is_empty() {
        lines.push(String::new());
        lines.push(heading("Evidence", "", columns));
        for sentence in &problem.evidence {
            say(&mut lines, "  ", sentence);
        }
    }
    cycle(&mut lines, problem, &stack, &say, columns);
    if let Some(owner) = &problem.owner {
        lines.push(String::new());
        lines.push(heading("Who can end it", "", columns));
        say(&mut lines, "  ", &who(problem, owner));
        if !owner.doing.is_empty() {
            say(&mut lines, "  ", &format!("it is {}", owner.doing));
        }
        stack(&mut lines, &owner.stack);
    }
    if !problem.stack.is_empty() {
        lines.push(String::new());
        lines.push(heading("Where it is stuck", &at(&problem.site), columns));
        stack(&mut lines, &problem.stack);
    }
    if !problem.victims.is_empty() {
        lines.push(String::new());
        let waiting = counted(problem.victims.len() as u64, "waiter");
        lines.push(heading(
            "Waiting because of it",
            &format!("({waiting}, longest first)"),
            columns,
        ));
        for victim in problem.victims.iter().take(VICTIMS) {
            let sentence = format!(
                "{} for {}: {}{}",
                victim.who,
                duration(victim.since_ns),
                victim.what,
                names::at(&victim.site)
            );
            lines.push(format!(
                "  {}",
                keep_start(&printable(&sentence), columns.saturating_sub(2))
            ));
        }
        let more = problem.victims.len().saturating_sub(VICTIMS);
        if more > 0 {
            lines.push(paint(
                DIM,
                format!("  and {}", counted(more as u64, "other")),
            ));
        }
    }
    lines
}

/// Who can end it, and since when it could: a channel's end is held by nobody, and a poll lasts.
fn who(problem: &Problem, owner: &Owner) -> String {
    let who = format!("{}{}", owner.who, names::at(&owner.site));
    match problem.kind {
        ProblemKind::FullChannel | ProblemKind::LostSender => who,
        _ if problem.subject.is_some() => {
            format!("{who}, for {}", duration(owner.since_ns))
        }
        _ => format!("{who}: {}", names::held(owner.since_ns, owner.since)),
    }
}

fn at(site: &Site) -> String {
    names::at(site).trim_start().to_owned()
}

fn cycle(
    lines: &mut Vec<String>,
    problem: &Problem,
    stack: &dyn Fn(&mut Vec<String>, &[u32]),
    say: &dyn Fn(&mut Vec<String>, &str, &str),
    columns: usize,
) {
    if problem.cycle.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(heading(
        "The cycle",
        "(each waits for the next, the last for the first)",
        columns,
    ));
    for (index, link) in problem.cycle.iter().enumerate() {
        let next = &problem.cycle[(index + 1) % problem.cycle.len()];
        let waits = format!(
            "{} waits for {} for {}{}",
            link.who,
            link.what,
            duration(link.since_ns),
            names::at(&link.site),
        );
        // How the next one can end that the evidence says, where it did not take anything: it sends, receives, is polled or awaited.
        let sentence = match (link.resource, names::at(&link.held_site)) {
            (None, _) => format!("{} cannot go on without {}", link.who, next.who),
            (Some(_), at) if at.is_empty() => format!("{waits}; {} can end that", next.who),
            (Some(_), at) => format!("{waits}; {} took it{at}", next.who),
        };
        say(lines, "  ", &sentence);
        stack(lines, &link.stack);
    }
}
