//! Frames of the standard library that are there or not, as the optimiser likes, and that are nobody's code: left out of stacks that are compared.
//!
//! - What calls `main` or a thread's body. The standard library marks where the program begins, for its own backtraces, with a function that is never inlined;
//!   beyond it are some ten frames, which link-time optimisation inlines into a `main` without debug info. There they are gone without a trace.
//! - What stands between `alloc::alloc::alloc` and the allocator. Calls at its ends are jumps, so a build without link-time optimisation has no frame of it at
//!   all under `malloc`, and one with it has two.

use std::collections::BTreeSet;

/// What the program's own code runs under.
const BEGIN: &str = "::__rust_begin_short_backtrace";

/// What glue of the allocator is called where it is the leaf.
const ALLOCATOR: &str = "[allocator entry]";

/// The functions that the compiler makes for each crate's `alloc::alloc`, behind these prefixes.
const ENTRIES: [&str; 6] = [
    "alloc",
    "alloc_zeroed",
    "dealloc",
    "realloc",
    "no_alloc_shim_is_unstable",
    "no_alloc_shim_is_unstable_v2",
];
const PREFIXES: [&str; 3] = ["__rust_", "__rdl_", "__rg_"];

/// The allocator that programs have if they ask for none. (Another one's methods may be somebody's code.)
const SYSTEM: &str = "<std::alloc::System as core::alloc::global::GlobalAlloc>::";

/// Which keys of a run are glue.
#[derive(Default)]
pub(crate) struct Glue {
    begins: BTreeSet<u32>,
    allocator: Option<u32>,
}

impl Glue {
    /// What a function goes by, if it is the allocator's glue.
    pub fn name(&self, name: &str) -> Option<&'static str> {
        let entry = name.strip_prefix("__rustc::").unwrap_or(name);
        let mut entries = PREFIXES
            .iter()
            .filter_map(|prefix| entry.strip_prefix(prefix));
        let is_glue = name.starts_with(SYSTEM) || entries.any(|entry| ENTRIES.contains(&entry));
        is_glue.then_some(ALLOCATOR)
    }

    /// Learns of a new key.
    pub fn note(&mut self, name: &str, key: u32) {
        if name.ends_with(BEGIN) {
            self.begins.insert(key);
        } else if name == ALLOCATOR {
            self.allocator = Some(key);
        }
    }

    /// Leaves them out of a stack, leaf first. The leaf stays: time is spent there.
    pub fn leave_out(&self, frames: &mut Vec<u32>) {
        if let Some(begin) = frames.iter().rposition(|frame| self.begins.contains(frame)) {
            frames.truncate(begin.max(1));
        }
        if let Some(allocator) = self.allocator {
            let mut at = 0;
            frames.retain(|&frame| {
                at += 1;
                at == 1 || frame != allocator
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a stack, leaf first.
    #[track_caller]
    fn check(stack: &[&str], expected: &[&str]) {
        let mut glue = Glue::default();
        let mut names: Vec<&str> = Vec::new();
        let mut frames = Vec::new();
        for name in stack {
            let name = glue.name(name).unwrap_or(name);
            let key = names.iter().position(|known| *known == name);
            let key = key.unwrap_or_else(|| {
                names.push(name);
                names.len() - 1
            });
            glue.note(name, key as u32);
            frames.push(key as u32);
        }
        glue.leave_out(&mut frames);
        let left: Vec<&str> = frames.iter().map(|&frame| names[frame as usize]).collect();
        assert_eq!(left, expected);
    }

    #[test]
    fn callers_of_the_program() {
        let begin = "std::sys::backtrace::__rust_begin_short_backtrace";
        let until_main = ["shop::parse", "shop::main"];
        check(
            &["shop::parse", "shop::main", begin, "main", "_start"],
            &until_main,
        );
        check(&["shop::parse", "shop::main", begin], &until_main);
        check(
            &["shop::parse", begin, "shop::main", begin, "main"],
            &["shop::parse", begin, "shop::main"],
        );
        check(&[begin, "main"], &[begin]);
        check(&["shop::parse", "main"], &["shop::parse", "main"]);
    }

    #[test]
    fn between_the_program_and_its_allocator() {
        let system = "<std::alloc::System as core::alloc::global::GlobalAlloc>::alloc";
        check(
            &[
                "malloc",
                system,
                "__rustc::__rdl_alloc",
                "alloc::alloc::alloc",
            ],
            &["malloc", "alloc::alloc::alloc"],
        );
        check(
            &["malloc", "alloc::alloc::alloc"],
            &["malloc", "alloc::alloc::alloc"],
        );
        check(
            &["__rustc::__rust_dealloc", "alloc::alloc::dealloc"],
            &["[allocator entry]", "alloc::alloc::dealloc"],
        );
        let own = "<shop::Arena as core::alloc::global::GlobalAlloc>::alloc";
        check(&[own, "__rg_alloc", "shop::main"], &[own, "shop::main"]);
        check(
            &["__rust_probestack", "__rdl_oom"],
            &["__rust_probestack", "__rdl_oom"],
        );
    }
}
