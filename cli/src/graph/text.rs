//! A wait-for graph for a terminal: each resource with who waits for it and who can end that, every line within the columns.

use super::data::{Data, EdgeData, NodeData};
use crate::export::text::printable;
use crate::locks::short;
use crate::text::number::moment;
use crate::text::since;
use crate::text::style::{DIM, ERROR, HEADING, STRONG, paint};
use crate::text::width::{keep_start, width};
use std::collections::HashMap;

/// The graph as text with colours, in at most `columns`.
pub fn render(data: &Data, columns: usize) -> String {
    let mut name = printable(&data.name);
    if data.pid != 0 {
        name += &format!(" (pid {})", data.pid);
    }
    let when = format!(" · waits at {} UTC", moment(data.taken_unix_ns));
    let room = columns.saturating_sub(width(&when));
    let mut lines = vec![format!(
        "{}{}",
        paint(HEADING, keep_start(&name, room)),
        paint(DIM, when)
    )];
    let nodes: HashMap<&str, &NodeData> = (data.nodes.iter())
        .map(|node| (node.id.as_str(), node))
        .collect();
    let resources = data
        .nodes
        .iter()
        .filter(|node| node.id.starts_with("resource:"));
    for resource in resources {
        lines.push(String::new());
        lines.push(paint(
            STRONG,
            keep_start(&printable(&resource.name), columns),
        ));
        let mut say = |edge: &EdgeData, other: &str| {
            let Some(node) = nodes.get(other) else {
                return;
            };
            let text = line(edge, node);
            let text = keep_start(&text, columns.saturating_sub(4));
            let style = if node.stuck {
                ERROR
            } else {
                anstyle::Style::new()
            };
            lines.push(format!("    {}", paint(style, text)));
        };
        for edge in data.edges.iter().filter(|edge| edge.from == resource.id) {
            say(edge, &edge.to);
        }
        for edge in data.edges.iter().filter(|edge| edge.to == resource.id) {
            say(edge, &edge.from);
        }
    }
    let polls = data.edges.iter().filter(|edge| edge.kind == "polls");
    for (index, edge) in polls.enumerate() {
        if index == 0 {
            lines.push(String::new());
            lines.push(paint(STRONG, "blocked in polls"));
        }
        let name = |id: &str| {
            nodes
                .get(id)
                .map_or(String::new(), |node| printable(&node.name))
        };
        let text = format!("{} polls {}", name(&edge.from), name(&edge.to));
        lines.push(format!(
            "    {}",
            keep_start(&text, columns.saturating_sub(4))
        ));
    }
    let alone = data.nodes.iter().filter(|node| !node.problem.is_empty());
    for (index, node) in alone.enumerate() {
        if index == 0 {
            lines.push(String::new());
            lines.push(paint(STRONG, "by themselves"));
        }
        let text = format!("{}: {}", printable(&node.name), node.problem);
        let text = keep_start(&text, columns.saturating_sub(4));
        lines.push(format!("    {}", paint(ERROR, text)));
    }
    if data.nodes.is_empty() {
        lines.push(match data.idle {
            0 => "    nobody waits for anybody".to_owned(),
            n => {
                let waits = match n {
                    1 => "1 waits".to_owned(),
                    n => format!("{n} wait"),
                };
                let text =
                    format!("nobody holds anybody up; {waits} for something to do or for I/O");
                format!("    {}", keep_start(&text, columns.saturating_sub(4)))
            }
        });
    }
    lines.join("\n") + "\n"
}

fn line(edge: &EdgeData, node: &NodeData) -> String {
    let since = match edge.since_ns {
        0 => None,
        ns => since::in_words(ns, edge.since),
    };
    let since = since.map_or_else(String::new, |since| format!(" ({since})"));
    // As `locks` has it.
    let mode = match edge.mode {
        "shared" => " to read",
        "upgradable" => " to read upgradably",
        "upgrading" => " to upgrade",
        _ => "",
    };
    let name = printable(&node.name);
    let mut text = match edge.kind {
        "waits for" => format!("waited for by {name}{mode}{since}"),
        "held by" => format!("held{mode} by {name}{since}"),
        kind => format!("{kind} {name}{since}"),
    };
    if !edge.site.is_empty() {
        text += &format!(" at {}", short(&edge.site));
    }
    if edge.timed {
        text += ", with a time-out";
    }
    if !edge.confirmed {
        text += ", seen once";
    }
    text
}
