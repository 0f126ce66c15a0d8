//! A profile's samples as named stacks, root first: what every format writes.
//!
//! In: a [`Profile`], symbolized or not. Out: [`Stacks`], the distinct frames and one stack for each sample, and two more for
//! the CPU time that no sample stands for. Nothing is left out: an address without a name is a frame with its module and offset,
//! a stack that was cut short begins with a marker that says why, and a stack that was given up for memory is `[other]`.

use super::category::Category;
use super::text::printable;
use hotpoll_profile::{Profile, Reason, Sample, State, Truncation};
use std::collections::HashMap;

/// CPU time in the kernel: as a frame, the sampled thread was inside the system call that the caller made.
pub const KERNEL: &str = "[kernel]";
/// CPU time by the thread's clock that no sample and no `[kernel]` time stands for.
pub const UNSAMPLED: &str = "[unsampled]";
/// CPU time of threads that lived and died unseen.
pub const UNSEEN_THREADS: &str = "[threads that ended unseen]";
/// Stacks that were folded together to keep the recorder within its memory.
pub const OTHER: &str = "[other]";

/// One named level of a stack. The same function is one frame wherever it is called from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The name to show; safe to print.
    pub name: String,
    /// Index into [`Profile::modules`].
    pub module: Option<u32>,
    /// The source file of the definition; empty when not known.
    pub file: String,
    /// Where the definition starts; 0 when not known.
    pub start_line: u32,
    /// Whether the compiler inlined it into the frame before.
    pub inlined: bool,
    /// Whose code it is.
    pub category: Category,
    /// Whether it says nothing about the program: call shims, executors.
    pub scaffolding: bool,
}

/// One level of one stack: the frame, and the line in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Level {
    /// Index into [`Stacks::frames`].
    pub frame: u32,
    /// The source line that was executing or calling; 0 when not known.
    pub line: u32,
}

/// Index into [`Stacks::stacks`].
pub type StackIndex = usize;

/// The named stacks of a profile.
#[derive(Debug)]
pub struct Stacks {
    /// The distinct frames.
    pub frames: Vec<Frame>,
    /// Levels root first. One for each of [`Profile::samples`], at the sample's index, then the two below.
    pub stacks: Vec<Vec<Level>>,
    /// The stack of [`hotpoll_profile::thread::Accounts::kernel_ns`].
    pub kernel: StackIndex,
    /// The stack of unsampled CPU time.
    pub unsampled: StackIndex,
}

/// What makes two levels the same frame.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Function {
        function: u32,
        module: Option<u32>,
        inlined: bool,
    },
    Address(u64, Option<u32>),
    Marker(String),
}

struct Interner<'a> {
    profile: &'a Profile,
    indices: HashMap<Key, u32>,
    frames: Vec<Frame>,
}

impl Stacks {
    /// Names all stacks of a profile.
    pub fn new(profile: &Profile) -> Self {
        let mut interner = Interner {
            profile,
            indices: HashMap::new(),
            frames: Vec::new(),
        };
        let mut stacks: Vec<Vec<Level>> = profile
            .samples
            .iter()
            .map(|sample| interner.stack(sample))
            .collect();
        let kernel = stacks.len();
        stacks.push(vec![interner.marker(KERNEL.into(), Category::Kernel)]);
        let unsampled = stacks.len();
        stacks.push(vec![interner.marker(UNSAMPLED.into(), Category::Marker)]);
        Self {
            frames: interner.frames,
            stacks,
            kernel,
            unsampled,
        }
    }

    /// Adds a stack of one marker, and returns its index.
    pub fn add_marker(&mut self, name: &str) -> StackIndex {
        let level = Level {
            frame: self.frames.len() as u32,
            line: 0,
        };
        self.frames
            .push(marker_frame(name.to_owned(), Category::Marker));
        self.stacks.push(vec![level]);
        self.stacks.len() - 1
    }

    /// The frames of a stack, root first.
    pub fn frames_of(&self, stack: StackIndex) -> impl Iterator<Item = &Frame> {
        self.stacks[stack]
            .iter()
            .map(|level| &self.frames[level.frame as usize])
    }
}

impl Interner<'_> {
    fn stack(&mut self, sample: &Sample) -> Vec<Level> {
        let mut levels = Vec::with_capacity(sample.stack.len() + 2);
        if sample.stack.is_empty() {
            levels.push(self.marker(OTHER.into(), Category::Marker));
        } else if let Some(marker) = truncation_marker(sample.truncation) {
            levels.push(self.marker(marker, Category::Marker));
        }
        for &location in sample.stack.iter().rev() {
            self.location(location, &mut levels);
        }
        if sample.state == State::Kernel {
            levels.push(self.marker(KERNEL.into(), Category::Kernel));
        }
        levels
    }

    fn location(&mut self, index: u32, levels: &mut Vec<Level>) {
        // A file from elsewhere may name locations that it does not have: that is an unnamed frame, not a crash.
        let profile = self.profile;
        let Some(location) = profile.locations.get(index as usize) else {
            levels.push(self.marker(format!("[location {index} is missing]"), Category::Marker));
            return;
        };
        if location.lines.is_empty() {
            levels.push(self.address(location.address, location.module));
            return;
        }
        // Innermost inlined first in the profile; the last line is the function that the code lies in.
        let outermost = location.lines.len() - 1;
        for (depth, line) in location.lines.iter().enumerate().rev() {
            let key = Key::Function {
                function: line.function,
                module: location.module,
                inlined: depth != outermost,
            };
            let frame = self.function(key, line.function, location.module, depth != outermost);
            levels.push(Level {
                frame,
                line: line.line,
            });
        }
    }

    fn function(&mut self, key: Key, index: u32, module: Option<u32>, inlined: bool) -> u32 {
        let profile = self.profile;
        let Some(function) = profile.functions.get(index as usize) else {
            return self
                .marker(format!("[function {index} is missing]"), Category::Marker)
                .frame;
        };
        let of_module = module.and_then(|module| profile.modules.get(module as usize));
        let category = Category::of_function(function, of_module);
        self.intern(key, || Frame {
            name: printable(if function.name.is_empty() {
                &function.system_name
            } else {
                &function.name
            }),
            module,
            file: printable(&function.file),
            start_line: function.start_line,
            inlined,
            category,
            scaffolding: Category::is_scaffolding(function),
        })
    }

    fn address(&mut self, address: u64, module: Option<u32>) -> Level {
        let of_module = module.and_then(|module| self.profile.modules.get(module as usize));
        let frame = self.intern(Key::Address(address, module), || Frame {
            name: match of_module {
                Some(of_module) => format!(
                    "{}+{:#x}",
                    printable(of_module.file_name()),
                    of_module.relative_address(address)
                ),
                None => format!("{address:#x}"),
            },
            module,
            file: String::new(),
            start_line: 0,
            inlined: false,
            category: Category::of_module(of_module),
            scaffolding: false,
        });
        Level { frame, line: 0 }
    }

    fn marker(&mut self, name: String, category: Category) -> Level {
        let frame = self.intern(Key::Marker(name.clone()), || marker_frame(name, category));
        Level { frame, line: 0 }
    }

    fn intern(&mut self, key: Key, frame: impl FnOnce() -> Frame) -> u32 {
        let next = self.frames.len() as u32;
        *self.indices.entry(key).or_insert_with(|| {
            self.frames.push(frame());
            next
        })
    }
}

fn marker_frame(name: String, category: Category) -> Frame {
    Frame {
        name,
        module: None,
        file: String::new(),
        start_line: 0,
        inlined: false,
        category,
        scaffolding: false,
    }
}

/// The root marker of a stack that does not reach its thread's start; `None` when it does.
fn truncation_marker(index: u8) -> Option<String> {
    match Truncation::from_index(index.into()) {
        Some(Truncation::Complete) => None,
        Some(reason) => Some(format!("[truncated: {}]", reason.label())),
        // Written by a later version.
        None => Some(format!("[truncated: reason {index}]")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn names(stacks: &Stacks, stack: StackIndex) -> String {
        let names: Vec<&str> = stacks
            .frames_of(stack)
            .map(|frame| frame.name.as_str())
            .collect();
        names.join(";")
    }

    #[test]
    fn inlined_frames_stand_below_their_function() {
        let profile = fixture::service();
        let stacks = Stacks::new(&profile);
        assert_eq!(
            names(&stacks, 0),
            "shop::main;shop::serve;shop::parse;shop::utf8"
        );
        let inlined: Vec<bool> = stacks.frames_of(0).map(|frame| frame.inlined).collect();
        assert_eq!(inlined, [false, false, false, true]);
    }

    #[test]
    fn kernel_truncated_other_and_unnamed_are_said() {
        let profile = fixture::service();
        let stacks = Stacks::new(&profile);
        assert_eq!(names(&stacks, 1), "shop::main;shop::serve;write;[kernel]");
        assert_eq!(
            names(&stacks, 3),
            "[truncated: no unwind information];libvendor.so+0x1234"
        );
        assert_eq!(names(&stacks, 4), "[other]");
    }

    #[test]
    fn indices_out_of_range_are_frames_too() {
        let mut profile = fixture::service();
        profile.samples[0].stack = vec![9_999];
        profile.locations[0].lines[0].function = 9_999;
        profile.samples[1].truncation = 200;
        let stacks = Stacks::new(&profile);
        assert_eq!(names(&stacks, 0), "[location 9999 is missing]");
        assert!(names(&stacks, 1).starts_with("[truncated: reason 200]"));
    }
}
