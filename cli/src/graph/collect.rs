//! Puts a wait-for graph together: the symbolizer's, with names.

use super::data::{Data, EdgeData, NodeData};
use crate::now::Now;
use crate::text::since;
use hotpoll_profile::{Mode, Resource, Since};
use hotpoll_symbolizer::verdict::{
    Actor, Graph, Names, Problem, ProblemKind, Settings, Why, find, is_held, names, with_inferred,
};
use hotpoll_symbolizer::view::Frames;
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};

/// The graph of a process: what waits, or what is linked with something that matches. Without `all`, only what somebody holds up.
pub fn collect(now: &Now, filter: Option<&Regex>, all: bool) -> Data {
    let profile = now.profile();
    let snapshot = now.snapshot();
    let frames = Frames::new(profile);
    let names = Names::new(&frames, snapshot);
    let resources = with_inferred(&frames, snapshot);
    let graph = Graph::new(&frames, snapshot, &resources);
    let young = Settings {
        older_than_ns: 0,
        ..Settings::default()
    };
    let verdicts = find(&frames, snapshot, &resources, young);
    // What `hotpoll stuck` tells of is shown here, whatever it is.
    let told = find(&frames, snapshot, &resources, Settings::default());
    let in_problems: BTreeSet<u64> = (told.problems.iter())
        .flat_map(|one| {
            let victims = one.victims.iter().map(|victim| victim.resource);
            let members = one.cycle.iter().filter_map(|link| link.resource);
            victims.chain(members).chain(one.resource)
        })
        .collect();
    let stuck: BTreeSet<Actor> = (verdicts.problems.iter())
        .filter(|one| {
            matches!(
                one.kind,
                ProblemKind::Deadlock | ProblemKind::PossibleDeadlock
            )
        })
        .flat_map(|one| {
            let victims = one.victims.iter().filter_map(|victim| victim.actor);
            victims.chain(one.cycle.iter().map(|link| link.actor))
        })
        .collect();
    let mut drawing = Drawing {
        names: &names,
        stuck,
        nodes: BTreeMap::new(),
        edges: Vec::new(),
        others: 0,
    };
    for &resource in &graph.resources {
        let is_held_up = is_held(resource);
        let mut waiters = resource.waiters.iter();
        let sends =
            resource.kind.is_channel() && waiters.any(|waiter| waiter.mode == Mode::Exclusive);
        let is_told = in_problems.contains(&resource.id);
        if !resource.waiters.is_empty() && (all || is_held_up || sends || is_told) {
            drawing.resource(resource, all || is_told || !resource.kind.is_channel());
        }
    }
    // Those that wait for nothing that is known, and are stuck all the same: nobody can wake them, or they keep a worker.
    for problem in &told.problems {
        if let Some(actor) = problem.subject {
            drawing.told(actor, problem);
        }
    }
    for (&tid, polling) in &graph.polls {
        let from = drawing.actor(Actor::Thread(tid));
        let to = drawing.actor(polling.task);
        drawing.edges.push(EdgeData {
            kind: "polls",
            ..edge(from, to)
        });
    }
    let held_up = |part: &Actor| !graph.waits_of(*part).is_empty();
    for (&task, parts) in &graph.parts {
        for &part in parts.of.iter().filter(|part| all || held_up(part)) {
            let from = drawing.actor(Actor::Task(task));
            let to = drawing.actor(part);
            drawing.edges.push(EdgeData {
                kind: "awaits",
                ..edge(from, to)
            });
        }
    }
    for &resource in &graph.resources {
        drawing.blockers(&graph, resource);
    }
    let (nodes, edges) = drawing.linked_with(filter);
    Data {
        pid: profile.process.pid,
        name: profile.process.name.clone(),
        taken_unix_ns: snapshot.taken_unix_ns,
        nodes,
        edges,
        idle: told.idle + told.external,
    }
}

fn edge(from: String, to: String) -> EdgeData {
    EdgeData {
        from,
        to,
        kind: "",
        since_ns: 0,
        since: since::label(Since::Unknown),
        site: String::new(),
        mode: Mode::Exclusive.label(),
        timed: false,
        confirmed: true,
    }
}

struct Drawing<'n> {
    names: &'n Names<'n>,
    stuck: BTreeSet<Actor>,
    nodes: BTreeMap<String, NodeData>,
    edges: Vec<EdgeData>,
    /// How many there are that cannot be told apart.
    others: u32,
}

impl Drawing<'_> {
    fn actor(&mut self, actor: Actor) -> String {
        let (id, kind) = match actor {
            Actor::Task(task) => (format!("task:{task}"), "task"),
            Actor::Thread(tid) => (format!("thread:{tid}"), "thread"),
        };
        self.nodes.entry(id.clone()).or_insert_with(|| NodeData {
            id: id.clone(),
            kind,
            name: self.names.actor(actor),
            detail: self.names.doing(actor).words,
            stuck: self.stuck.contains(&actor),
            problem: "",
        });
        id
    }

    /// One whose problem is told by itself, and not by an edge.
    fn told(&mut self, actor: Actor, problem: &Problem) {
        let id = self.actor(actor);
        if let Some(node) = self.nodes.get_mut(&id) {
            node.problem = problem.kind.label();
        }
    }

    /// One who waits or holds, or the name of one who cannot be told apart.
    fn party(&mut self, actor: Option<Actor>, name: impl FnOnce() -> String) -> String {
        if let Some(actor) = actor {
            let id = self.actor(actor);
            // One that has ended is known by what it did alone.
            if let Some(node) = self
                .nodes
                .get_mut(&id)
                .filter(|node| node.detail.is_empty())
            {
                node.name = name();
            }
            return id;
        }
        self.others += 1;
        let id = format!("other:{}", self.others);
        let node = NodeData {
            id: id.clone(),
            kind: "other",
            name: name(),
            detail: String::new(),
            stuck: false,
            problem: "",
        };
        self.nodes.insert(id.clone(), node);
        id
    }

    /// A resource with those who wait for it and those who hold it. Of a channel without `shared`: those who wait to send.
    fn resource(&mut self, resource: &Resource, shared: bool) {
        let id = format!("resource:{}", resource.id);
        let node = NodeData {
            id: id.clone(),
            kind: resource.kind.label(),
            name: names::resource(resource),
            detail: resource.site.to_string(),
            stuck: false,
            problem: "",
        };
        self.nodes.insert(id.clone(), node);
        let names = self.names;
        for waiter in &resource.waiters {
            if waiter.mode != Mode::Exclusive && !shared {
                continue;
            }
            let from = self.party(Actor::waiting(waiter, resource), || {
                names.waiter(waiter, resource)
            });
            self.edges.push(EdgeData {
                kind: "waits for",
                since_ns: waiter.since_ns,
                since: since::label(Since::Exact),
                site: waiter.site.to_string(),
                mode: waiter.mode.label(),
                timed: waiter.timed,
                confirmed: waiter.confirmed,
                ..edge(from, id.clone())
            });
        }
        for holder in &resource.holders {
            let to = self.party(Actor::holding(holder, resource), || {
                names.holder(holder, resource)
            });
            self.edges.push(EdgeData {
                kind: "held by",
                since_ns: holder.since_ns,
                since: since::label(holder.since),
                site: holder.site.to_string(),
                mode: holder.mode.label(),
                confirmed: holder.confirmed,
                ..edge(id.clone(), to)
            });
        }
    }

    /// Who can end the waits for a resource besides its holders.
    fn blockers(&mut self, graph: &Graph<'_>, resource: &Resource) {
        let id = format!("resource:{}", resource.id);
        if !self.nodes.contains_key(&id) {
            return;
        }
        let waits = graph.waits.values().flatten();
        let of_this = waits.filter(|wait| std::ptr::eq(graph.resources[wait.resource], resource));
        let ends: BTreeSet<(&str, Actor)> = of_this
            .flat_map(|wait| &wait.blockers)
            .filter_map(|blocker| {
                let kind = match blocker.why {
                    Why::Holds(_) => return None,
                    Why::WaitsBefore(_) => "waits before",
                    Why::Receives => "received by",
                    Why::Sends => "sent by",
                };
                Some((kind, blocker.actor))
            })
            .collect();
        for (kind, actor) in ends {
            let to = self.actor(actor);
            let kind = match kind {
                "waits before" => "waits before",
                "received by" => "received by",
                _ => "sent by",
            };
            self.edges.push(EdgeData {
                kind,
                ..edge(id.clone(), to)
            });
        }
    }

    /// All of it, or what is linked, one way or the other, with something that matches.
    fn linked_with(self, filter: Option<&Regex>) -> (Vec<NodeData>, Vec<EdgeData>) {
        let matches = |node: &&NodeData| {
            filter.is_none_or(|filter| {
                filter.is_match(&node.name)
                    || filter.is_match(&node.id)
                    || filter.is_match(&node.detail)
            })
        };
        let mut kept: BTreeSet<String> = (self.nodes.values())
            .filter(matches)
            .map(|node| node.id.clone())
            .collect();
        loop {
            let before = kept.len();
            for edge in &self.edges {
                if kept.contains(&edge.from) || kept.contains(&edge.to) {
                    kept.insert(edge.from.clone());
                    kept.insert(edge.to.clone());
                }
            }
            if kept.len() == before {
                break;
            }
        }
        let nodes = self.nodes.into_values();
        let edges = self.edges.into_iter();
        (
            nodes.filter(|node| kept.contains(&node.id)).collect(),
            edges.filter(|edge| kept.contains(&edge.from)).collect(),
        )
    }
}
