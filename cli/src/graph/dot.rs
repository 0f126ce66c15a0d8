//! A wait-for graph for Graphviz.

use super::data::{Data, EdgeData, NodeData};
use crate::export::text::printable;
use crate::text::since;

/// The graph in Graphviz's language.
pub fn render(data: &Data) -> String {
    let mut out =
        String::from("digraph waits {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for node in &data.nodes {
        out += &node_line(node);
    }
    for edge in &data.edges {
        out += &edge_line(edge);
    }
    out + "}\n"
}

fn node_line(node: &NodeData) -> String {
    let shape = match node.kind {
        "thread" => "box",
        "task" | "other" => "ellipse",
        _ => "hexagon",
    };
    let color = if node.stuck { ", color=red" } else { "" };
    format!(
        "  {} [shape={shape}{color}, label={}];\n",
        quoted(&node.id),
        quoted(&format!("{}\n{}", node.name, node.detail))
    )
}

fn edge_line(edge: &EdgeData) -> String {
    let mut label = edge.kind.to_owned();
    if edge.since_ns > 0
        && let Some(since) = since::in_words(edge.since_ns, edge.since)
    {
        label += &format!(" ({since})");
    }
    if edge.mode != "exclusive" {
        label += &format!(", {}", edge.mode);
    }
    // What may end by itself, or may not have been there.
    let style = if edge.timed || !edge.confirmed {
        ", style=dashed"
    } else {
        ""
    };
    format!(
        "  {} -> {} [label={}{style}];\n",
        quoted(&edge.from),
        quoted(&edge.to),
        quoted(&label)
    )
}

fn quoted(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().split('\n').map(printable).collect();
    let escaped: Vec<String> = (lines.iter())
        .map(|line| line.replace('\\', "\\\\").replace('"', "\\\""))
        .collect();
    format!("\"{}\"", escaped.join("\\n"))
}
