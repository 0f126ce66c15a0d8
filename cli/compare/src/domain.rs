//! Wholes that a cost can move in though no one caller holds it: a module, a crate, a kind of task. Two helpers that everybody calls have no caller in common
//! but `main`; what goes from one to the other stays in their module.

use crate::Effect;
use crate::cause::is_library;
use crate::effect::Difference;
use crate::functions::{Functions, geometric, spread};
use crate::scale::Scale;
use crate::table::{Table, distinct_functions};
use crate::variance::mean;
use crate::{Options, Row};
use std::collections::HashMap;

/// What holds functions together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Domain {
    /// `json::write`.
    Module(String),
    /// `json`.
    Crate(String),
    /// By its title.
    Task(String),
    /// Two functions: the narrowest whole that there is, of what got dearer and what got cheaper beside it.
    Two(String, String),
}

impl Domain {
    /// As a reader is told.
    pub fn label(&self) -> String {
        match self {
            Self::Module(name) => format!("module {name}"),
            Self::Crate(name) => format!("crate {name}"),
            Self::Task(title) => format!("task {title}"),
            Self::Two(one, other) => format!("{one} and {other}"),
        }
    }

    /// The narrowest first. The standard library is no such whole: what it does is up to who calls it.
    pub fn of_function(name: &str) -> Vec<Self> {
        if is_library(name) {
            return Vec::new();
        }
        let path = module_path(name);
        let first = path.first().map(|name| Self::Crate((*name).to_owned()));
        let module = (path.len() > 1).then(|| Self::Module(path.join("::")));
        module.into_iter().chain(first).collect()
    }
}

/// The modules that a canonical name lies in, its crate first: `shop::json::Reader<_>::next::{closure}` in `shop`, `json`.
fn module_path(name: &str) -> Vec<&str> {
    let name = name.trim_start_matches(['<', '&', '*', '(', '[']);
    let name = name.strip_prefix("dyn ").unwrap_or(name);
    let end = name.find([' ', '<', '>', '(', ',', ')']);
    let mut path = Vec::new();
    for part in name[..end.unwrap_or(name.len())].split("::") {
        // Types begin with a capital letter, closures with a brace.
        if !part.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
            let is_type = part.starts_with(|c: char| c.is_ascii_uppercase());
            if !is_type {
                path.pop();
            }
            return path;
        }
        path.push(part);
    }
    path.pop();
    path
}

/// The cost of each of these wholes, and what can be said of its change, in their order.
pub(crate) fn effects(
    domains: &[Domain],
    table: &Table<'_>,
    scale: &Scale,
    functions: &Functions,
    options: &Options,
) -> Vec<Effect> {
    let shares = shares(domains, table);
    let sides = table.sides();
    let shares = shares.into_iter();
    shares
        .map(|(shares, dispersion)| {
            let (logs, spread) = spread(table, scale, &shares, dispersion);
            let (base_logs, new_logs) = logs.split_at(sides[0]);
            let degrees = table.degrees();
            Difference {
                costs: geometric(&logs, sides[0]),
                delta: mean(new_logs) - mean(base_logs),
                variance: functions.prior.moderate(&spread, degrees),
                runs: sides,
                margin: options.margin.ln_1p(),
                level: options.q,
            }
            .effect()
        })
        .collect()
}

/// By domain: its part of each run, each sample once, and the most that counts of one of its functions vary beyond independent ones.
fn shares(domains: &[Domain], table: &Table<'_>) -> Vec<(Vec<f64>, f64)> {
    let places: HashMap<&Domain, usize> = domains.iter().zip(0..).collect();
    let mut found = vec![(vec![0.0; table.runs.len()], 1.0f64); domains.len()];
    let mut of_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, domain) in domains.iter().enumerate() {
        if let Domain::Two(one, other) = domain {
            of_name.entry(one).or_default().push(at);
            of_name.entry(other).or_default().push(at);
        }
    }
    let of_function: Vec<Vec<usize>> = table
        .functions
        .iter()
        .map(|function| {
            let all = Domain::of_function(function.name);
            let all = all.iter().filter_map(|domain| places.get(domain).copied());
            let two = of_name.get(function.name).into_iter().flatten().copied();
            let places: Vec<usize> = all.chain(two).collect();
            for &place in &places {
                found[place].1 = found[place].1.max(function.dispersion);
            }
            places
        })
        .collect();
    for (at, &run) in table.runs.iter().enumerate() {
        let cpu_ns: f64 = run.stacks.iter().map(|stack| stack.cpu_ns as f64).sum();
        let stacks = distinct_functions(run, &table.function_of[at], table.functions.len());
        let mut seen_in = vec![usize::MAX; domains.len()];
        for (place, (stack, functions)) in run.stacks.iter().zip(stacks.iter()).enumerate() {
            let part = stack.cpu_ns as f64 / cpu_ns.max(1.0);
            let of_frames = functions
                .iter()
                .flat_map(|&function| &of_function[function as usize]);
            let task = match stack.task.is_empty() {
                true => None,
                false => places.get(&Domain::Task(stack.task.clone())),
            };
            for &domain in of_frames.chain(task) {
                if seen_in[domain] != place {
                    seen_in[domain] = place;
                    found[domain].0[at] += part;
                }
            }
        }
    }
    found
}

/// The module and the crate of a row.
pub(crate) fn of_row(row: &Row) -> Vec<Domain> {
    Domain::of_function(&row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules() {
        let check = |name: &str, expected: &[&str]| assert_eq!(module_path(name), expected);
        check("shop::json::parse", &["shop", "json"]);
        check("shop::json::Reader<_>::next::{closure}", &["shop", "json"]);
        check(
            "<shop::json::Reader as core::fmt::Debug>::fmt",
            &["shop", "json"],
        );
        check("shop::main", &["shop"]);
        check("shop::handle::{closure}::{closure}", &["shop"]);
        check("<&dyn shop::Sink>::put", &["shop"]);
        check("memcpy", &[]);
        check("[unknown]", &[]);
    }

    #[test]
    fn no_whole_of_the_standard_library() {
        assert!(Domain::of_function("alloc::vec::Vec<_>::push").is_empty());
        assert!(Domain::of_function("memcpy").is_empty());
        let labels: Vec<String> = Domain::of_function("json::write::escape")
            .iter()
            .map(Domain::label)
            .collect();
        assert_eq!(labels, ["module json::write", "crate json"]);
    }
}
