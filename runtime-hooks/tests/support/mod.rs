//! What the tests of tracked tasks share: sampling that runs, snapshots, names of addresses.
#![allow(dead_code)] // each test file uses a part

use hotpoll_hooks::tasks::{self, Limits};
use hotpoll_profile::{Task, TaskKind, Tasks};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Starts sampling, once in the process: futures are tracked from then on, and stacks can be walked. No timer is armed.
pub fn sampling() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let (sampler, mut modules) =
            hotpoll_sampler::start(hotpoll_sampler::Settings::default()).expect("start");
        modules.refresh();
        // They stay for the process's life.
        std::mem::forget((sampler, modules));
    });
}

/// A snapshot and its stacks' addresses, by the number that stands for them as locations.
pub struct Seen {
    pub tasks: Tasks,
    stacks: Vec<Vec<u64>>,
}

pub fn snapshot() -> Seen {
    let mut stacks = Vec::new();
    let tasks = tasks::snapshot(
        &mut |stack| {
            stacks.push(stack.to_vec());
            vec![stacks.len() as u32 - 1]
        },
        Limits::default(),
    );
    Seen { tasks, stacks }
}

impl Seen {
    /// The kind of this name.
    pub fn kind(&self, name: &str) -> &TaskKind {
        self.tasks
            .kinds
            .iter()
            .find(|kind| kind.name == name)
            .unwrap_or_else(|| panic!("no kind {name}"))
    }

    /// The live tasks of a kind.
    pub fn of(&self, name: &str) -> Vec<&Task> {
        let kind = self.tasks.kinds.iter().find(|kind| kind.name == name);
        let tasks = self.tasks.tasks.iter();
        tasks
            .filter(|task| kind.is_some_and(|kind| kind.id == task.kind))
            .collect()
    }

    /// The one live task of a kind.
    pub fn one(&self, name: &str) -> &Task {
        let tasks = self.of(name);
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks[0]
    }

    /// The addresses of the stack that stands for the task.
    pub fn stack(&self, task: &Task) -> &[u64] {
        let representative = task.waits.iter().find(|wait| wait.representative);
        let wait = representative.unwrap_or_else(|| panic!("no suspension: {task:?}"));
        &self.stacks[wait.stack[0] as usize]
    }

    /// Every stack of the task, the representative one first.
    pub fn stacks(&self, task: &Task) -> Vec<&[u64]> {
        let mut waits: Vec<_> = task.waits.iter().collect();
        waits.sort_by_key(|wait| !wait.representative);
        waits
            .iter()
            .map(|wait| &self.stacks[wait.stack[0] as usize][..])
            .collect()
    }
}

/// Looks until the condition holds, with patience.
pub fn until(what: &str, mut condition: impl FnMut(&Seen) -> bool) -> Seen {
    let begun = Instant::now();
    loop {
        let seen = snapshot();
        if condition(&seen) {
            return seen;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "not seen in time: {what}\n{:#?}",
            seen.tasks
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Frames of an address, innermost first: function, file's name, line.
pub fn frames(address: u64) -> Vec<(String, String, u32)> {
    static BASE: OnceLock<u64> = OnceLock::new();
    let base = *BASE.get_or_init(|| {
        let path = std::env::current_exe().unwrap();
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let line = maps
            .lines()
            .find(|line| line.ends_with(path.to_str().unwrap()))
            .unwrap();
        u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap()
    });
    thread_local! {
        static LOADER: addr2line::Loader =
            addr2line::Loader::new(std::env::current_exe().unwrap()).unwrap();
    }
    LOADER.with(|loader| named(loader, address - base - 1))
}

fn named(loader: &addr2line::Loader, address: u64) -> Vec<(String, String, u32)> {
    let mut frames = loader.find_frames(address).unwrap();
    let mut named = Vec::new();
    while let Some(frame) = frames.next().unwrap() {
        let function = frame.function.as_ref();
        let name = function.and_then(|name| name.demangle().ok().map(|name| name.to_string()));
        let file = frame.location.as_ref().and_then(|place| place.file);
        let file = file.and_then(|file| file.rsplit('/').next());
        let line = frame.location.as_ref().and_then(|place| place.line);
        named.push((
            name.unwrap_or_default(),
            file.unwrap_or_default().to_string(),
            line.unwrap_or(0),
        ));
    }
    named
}

/// Whether the stack passes this line of this file, give or take a statement's own lines.
pub fn passes(stack: &[u64], file: &str, lines: std::ops::RangeInclusive<u32>) -> bool {
    stack
        .iter()
        .flat_map(|address| frames(*address))
        .any(|(_, name, line)| name == file && lines.contains(&line))
}

/// The stack in words, for a test that fails.
pub fn told(stack: &[u64]) -> String {
    stack
        .iter()
        .flat_map(|address| frames(*address))
        .map(|(function, file, line)| format!("  {function} {file}:{line}\n"))
        .collect()
}
