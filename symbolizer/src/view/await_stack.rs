//! A stack as the one who wrote the program reads it: the program's own frames, and what each of them called or awaited in a library.
//!
//! Between an `await` and the leaf lie ten frames of libraries, and below the task's first function lie ten of the runtime. A run of such
//! frames is one level here, named by the function that the program itself called: `Sleep`, not the timer wheel behind it.

use super::frames::{FrameAt, Frames};
use super::hot_path::without_closures;
use super::origin::{Origin, crate_name, qualified};

/// A level of a folded stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// A function of the program.
    Own(FrameAt),
    /// A run of frames in libraries.
    Library {
        /// The one that says what it is: mostly the function that the program called.
        frame: FrameAt,
        /// How many frames there are, this one among them.
        frames: usize,
    },
}

impl Level {
    /// The frame that is shown.
    pub fn frame(&self) -> FrameAt {
        match self {
            Self::Own(frame) | Self::Library { frame, .. } => *frame,
        }
    }

    /// The same where this line was seen, too: without a line, if that is another one.
    #[must_use]
    pub fn of_line(mut self, line: u32) -> Self {
        let (Self::Own(frame) | Self::Library { frame, .. }) = &mut self;
        if frame.line != line {
            frame.line = 0;
        }
        self
    }
}

/// Folds a stack (locations, leaf first). The levels are innermost first; what lies below the program's outermost frame is left out. A stack
/// without any own frame is one level.
pub fn fold(frames: &Frames, stack: &[u32]) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut run: Vec<FrameAt> = Vec::new();
    let all = stack.iter().flat_map(|&location| frames.at(location));
    for &at in all {
        let frame = frames.get(at.frame);
        if is_capture(&frame.name) {
            continue;
        }
        if frame.origin == Origin::Own {
            levels.extend(library(frames, &run));
            run.clear();
            levels.push(Level::Own(at));
        } else {
            run.push(at);
        }
    }
    if levels.is_empty() {
        levels.extend(nobodys(frames, &run));
    }
    levels
}

/// The level of a stack without own frames: the outermost frame of a crate (a future that was spawned as it is, the driver of a runtime), or else the
/// innermost that is not the C library's.
fn nobodys(frames: &Frames, run: &[FrameAt]) -> Option<Level> {
    let of_crate = run.iter().rev().find(|at| {
        let frame = frames.get(at.frame);
        frame.origin == Origin::Dependency && !is_shim(&frame.name)
    });
    let telling = of_crate.or_else(|| innermost(frames, run));
    Some(Level::Library {
        frame: *telling.or_else(|| run.first())?,
        frames: run.len(),
    })
}

fn innermost<'r>(frames: &Frames, run: &'r [FrameAt]) -> Option<&'r FrameAt> {
    run.iter().find(|at| {
        let frame = frames.get(at.frame);
        !matches!(frame.origin, Origin::System | Origin::Unknown) && !is_shim(&frame.name)
    })
}

/// The innermost function of the program in a folded stack.
pub fn own(levels: &[Level]) -> Option<FrameAt> {
    levels.iter().find_map(|level| match level {
        Level::Own(frame) => Some(*frame),
        Level::Library { .. } => None,
    })
}

/// What that function called or awaited; nothing where it is the leaf.
pub fn called(levels: &[Level]) -> Option<FrameAt> {
    match levels.first()? {
        Level::Library { frame, .. } => Some(*frame),
        Level::Own(_) => None,
    }
}

/// `<tokio::time::Sleep as Future>::poll` is `tokio::time::Sleep`, `shop::serve::{closure}` is `shop::serve`.
pub fn title(full: &str) -> &str {
    let name = without_closures(full);
    if name.is_empty() {
        return full;
    }
    match qualified(name) {
        Some(parts) if parts.rest == "::poll" => parts.ty,
        _ => name.strip_suffix("::poll").unwrap_or(name),
    }
}

/// The level of a run of library frames, innermost first.
fn library(frames: &Frames, run: &[FrameAt]) -> Option<Level> {
    let outermost = |wanted: fn(&str, Origin) -> bool| {
        run.iter().rev().find(|at| {
            let frame = frames.get(at.frame);
            wanted(&frame.name, frame.origin)
        })
    };
    let frame = outermost(|name, origin| origin == Origin::Dependency && !is_shim(name))
        .or_else(|| outermost(|name, origin| origin != Origin::Unknown && !is_shim(name)))
        .or_else(|| run.last())?;
    Some(Level::Library {
        frame: *frame,
        frames: run.len(),
    })
}

/// Code that stands around hotpoll's own capture and poll: what it is captured in, is the waker's being cloned.
fn is_capture(name: &str) -> bool {
    let path = qualified(name).map_or(name, |name| name.ty);
    path.starts_with("core::task::wake::") || is_hotpoll(name)
}

fn is_hotpoll(name: &str) -> bool {
    matches!(
        crate_name(name),
        Some("hotpoll" | "hotpoll_hooks" | "hotpoll_sampler")
    )
}

/// Functions that call what they are given, and say nothing about it.
fn is_shim(name: &str) -> bool {
    const SHIMS: &[&str] = &[
        "core::future::",
        "core::ops::",
        "core::panic::",
        "core::pin::",
        "core::task::",
        "std::panic::",
        "std::panicking::",
        "std::rt::",
        "std::sys::backtrace::",
        "std::thread::local::",
        "tokio::task::coop::",
        "tokio::macros::",
    ];
    const NAMES: &[&str] = &["__rust_try", "call_once", "main", "syscall"];
    let path = qualified(name).map_or(name, |name| name.ty);
    let path = path.trim_start_matches(['&', '<', '*']);
    NAMES.contains(&name) || SHIMS.iter().any(|shim| path.starts_with(shim))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;

    /// Levels of a stack given root first, innermost first: `own`, or `(library x frames)`.
    #[track_caller]
    fn check(stack: &str, expected: &[&str]) {
        let profile = profile(&[("t", stack, 1)]);
        let frames = Frames::new(&profile);
        let levels = fold(&frames, &profile.samples[0].stack);
        let levels: Vec<String> = levels
            .iter()
            .map(|level| {
                let name = &frames.get(level.frame().frame).name;
                match level {
                    Level::Own(_) => name.clone(),
                    Level::Library { frames, .. } => format!("({name} x {frames})"),
                }
            })
            .collect();
        assert_eq!(levels, expected);
    }

    #[test]
    fn an_await_is_the_future_that_the_program_named() {
        check(
            "clone3;tokio::runtime::task::harness::poll;hotpoll_hooks::tasks::Tracked::poll;shop::serve::{closure};shop::fetch::{closure};<core::pin::Pin<P> as core::future::future::Future>::poll;tokio::runtime::time::entry::TimerEntry::poll_elapsed;hotpoll_hooks::tasks::waker::clone",
            &[
                "(tokio::runtime::time::entry::TimerEntry::poll_elapsed x 2)",
                "shop::fetch::{closure}",
                "shop::serve::{closure}",
            ],
        );
    }

    #[test]
    fn a_future_of_the_program_is_the_leaf() {
        check(
            "shop::main::{closure};shop::Gate::poll;<core::task::wake::Waker as core::clone::Clone>::clone;hotpoll_hooks::tasks::waker::clone",
            &["shop::Gate::poll", "shop::main::{closure}"],
        );
    }

    #[test]
    fn combinators_between_own_frames_are_one_level() {
        check(
            "shop::main;futures_util::future::join::Join::poll;core::future::poll_fn::PollFn::poll;shop::one",
            &[
                "shop::one",
                "(futures_util::future::join::Join::poll x 2)",
                "shop::main",
            ],
        );
    }

    #[test]
    fn the_call_of_the_program_names_a_blocking_call() {
        check(
            "main;shop::main;std::thread::sleep;clock_nanosleep",
            &["(std::thread::sleep x 2)", "shop::main"],
        );
    }

    #[test]
    fn without_own_code_one_level() {
        check(
            "clone3;start_thread;std::rt::begin;tokio::runtime::park::park;syscall",
            &["(tokio::runtime::park::park x 5)"],
        );
        check("poll", &["(poll x 1)"]);
        check("", &[]);
    }

    #[test]
    fn own_and_called() {
        let profile = profile(&[("t", "shop::main;shop::one;std::thread::sleep", 1)]);
        let frames = Frames::new(&profile);
        let levels = fold(&frames, &profile.samples[0].stack);
        let name = |at: Option<FrameAt>| at.map(|at| frames.get(at.frame).name.as_str());
        assert_eq!(name(own(&levels)), Some("shop::one"));
        assert_eq!(name(called(&levels)), Some("std::thread::sleep"));
        assert_eq!(called(&levels[1..]), None);
    }
}
