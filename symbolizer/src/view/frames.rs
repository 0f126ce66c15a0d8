//! The named frames of a profile: each address's functions looked up once, equal names made one.

use super::origin::{Origin, origin};
use hotpoll_profile::{Location, Profile, Sample};
use std::collections::HashMap;

/// Index of a [`Frame`] in [`Frames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(pub(super) u32);

/// What a view has one row for: a function by its canonical name, or an address that no function is known for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The canonical name; `module+0xoffset` for an address without a name; `[other]` for stacks that were not kept.
    pub name: String,
    /// The mangled name; empty when not known.
    pub system_name: String,
    /// The source file of the definition; empty when not known.
    pub file: String,
    /// The line of the definition; 0 when not known.
    pub start_line: u32,
    /// Index into [`Profile::modules`] of a module that it was seen in.
    pub module: Option<u32>,
    /// Whose code it is.
    pub origin: Origin,
}

/// One frame of one stack: the function and the line in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameAt {
    /// The function.
    pub frame: FrameId,
    /// Index into [`Profile::functions`], which knows the file of `line`.
    pub function: Option<u32>,
    /// The line; 0 when not known.
    pub line: u32,
    /// Counts through all frames of all locations: an index for tables with a row each.
    pub(super) place: u32,
}

/// The name of the frame that stands for stacks that were not kept.
pub const OTHER: &str = "[other]";

/// Every frame of a profile.
#[derive(Debug)]
pub struct Frames<'p> {
    profile: &'p Profile,
    frames: Vec<Frame>,
    /// For each location its frames, innermost first; never empty.
    at: Vec<Vec<FrameAt>>,
    /// How many [`FrameAt::place`]s there are.
    places: u32,
    other: FrameAt,
}

impl<'p> Frames<'p> {
    /// Looks up every location of the profile.
    pub fn new(profile: &'p Profile) -> Self {
        let mut interner = Interner::default();
        let mut places = 0;
        let mut next_place = || {
            places += 1;
            places - 1
        };
        let at = profile
            .locations
            .iter()
            .map(|location| {
                let nameless = nameless(profile, location);
                let named: Vec<FrameAt> = location
                    .lines
                    .iter()
                    .filter(|_| !is_placeholder(profile, location, &nameless))
                    .filter_map(|line| {
                        let function = profile.functions.get(line.function as usize)?;
                        let file = &function.file;
                        let frame = interner.intern(&function.name, file, || Frame {
                            name: function.name.clone(),
                            system_name: function.system_name.clone(),
                            file: function.file.clone(),
                            start_line: function.start_line,
                            module: location.module,
                            origin: origin(&function.name, &function.file),
                        });
                        Some(FrameAt {
                            frame,
                            function: Some(line.function),
                            line: line.line,
                            place: next_place(),
                        })
                    })
                    .collect();
                if !named.is_empty() {
                    return named;
                }
                let frame = interner.intern(&nameless, "", || Frame {
                    name: nameless.clone(),
                    system_name: String::new(),
                    file: String::new(),
                    start_line: 0,
                    module: location.module,
                    origin: Origin::Unknown,
                });
                vec![FrameAt {
                    frame,
                    function: None,
                    line: 0,
                    place: next_place(),
                }]
            })
            .collect();
        let other = FrameAt {
            frame: interner.intern(OTHER, "", || Frame {
                name: OTHER.to_owned(),
                system_name: String::new(),
                file: String::new(),
                start_line: 0,
                module: None,
                origin: Origin::Unknown,
            }),
            function: None,
            line: 0,
            place: next_place(),
        };
        Self {
            profile,
            frames: interner.frames,
            at,
            places,
            other,
        }
    }

    /// The profile that the frames are of.
    pub fn profile(&self) -> &'p Profile {
        self.profile
    }

    /// How many frames there are.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// How many places there are in all locations together.
    pub(super) fn places(&self) -> usize {
        self.places as usize
    }

    /// Every place.
    pub(super) fn all_places(&self) -> impl Iterator<Item = FrameAt> {
        self.at.iter().flatten().copied()
    }

    /// Whether there are none; never so, as [`OTHER`] is always there.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The frame behind an index.
    pub fn get(&self, id: FrameId) -> &Frame {
        &self.frames[id.0 as usize]
    }

    /// Every frame, in the order of their indices.
    pub fn all(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter()
    }

    /// A sample's frames, leaf first, inlined ones expanded. At least one.
    pub fn of<'s>(&'s self, sample: &'s Sample) -> impl Iterator<Item = FrameAt> + 's {
        let other = sample.stack.is_empty().then_some(self.other);
        sample
            .stack
            .iter()
            .filter_map(|&location| self.at.get(location as usize))
            .flatten()
            .copied()
            .chain(other)
    }

    /// The frames of one location, innermost first.
    pub fn at(&self, location: u32) -> &[FrameAt] {
        self.at
            .get(location as usize)
            .map_or(&[], |frames| frames.as_slice())
    }
}

/// Whether the address has a name: not none, and not the stand-in for one.
pub fn has_name(profile: &Profile, location: &Location) -> bool {
    !location.lines.is_empty() && !is_placeholder(profile, location, &nameless(profile, location))
}

/// What an address without a name is called.
fn nameless(profile: &Profile, location: &Location) -> String {
    let module = location
        .module
        .and_then(|index| profile.modules.get(index as usize));
    match module {
        Some(module) => format!(
            "{}+{:#x}",
            module.file_name(),
            module.relative_address(location.address)
        ),
        None => format!("{:#x}", location.address),
    }
}

/// Symbolizing gives an address that nobody can name a frame of the same name, so that other pprof readers show it.
fn is_placeholder(profile: &Profile, location: &Location, nameless: &str) -> bool {
    match location.lines.as_slice() {
        [only] => profile
            .functions
            .get(only.function as usize)
            .is_some_and(|function| function.name == nameless),
        _ => false,
    }
}

#[derive(Default)]
struct Interner {
    ids: HashMap<String, FrameId>,
    /// Closures that a macro of a library has made inside of the program's functions.
    foreign_closures: HashMap<String, FrameId>,
    frames: Vec<Frame>,
}

impl Interner {
    /// Closures have no numbers, so that one of the program's own and one that `tokio::select!` makes beside it have the same name. They are two frames:
    /// the file tells whose each is.
    fn intern(&mut self, name: &str, file: &str, frame: impl FnOnce() -> Frame) -> FrameId {
        let is_foreign = name.ends_with("::{closure}") && origin(name, file) != Origin::Own;
        let ids = match is_foreign {
            true => &mut self.foreign_closures,
            false => &mut self.ids,
        };
        if let Some(&id) = ids.get(name) {
            return id;
        }
        let id = FrameId(self.frames.len() as u32);
        self.frames.push(frame());
        ids.insert(name.to_owned(), id);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::profile;
    use super::*;
    use hotpoll_profile::{Function, Line, Module};

    #[test]
    fn inlined_frames_innermost_first() {
        let profile = profile(&[("worker", "main;outer;inner+inlined", 1)]);
        let frames = Frames::new(&profile);
        let names: Vec<&str> = frames
            .of(&profile.samples[0])
            .map(|at| frames.get(at.frame).name.as_str())
            .collect();
        assert_eq!(names, ["inlined", "inner", "outer", "main"]);
    }

    #[test]
    fn equal_names_are_one_frame() {
        let mut profile = profile(&[("worker", "main;a", 1), ("worker", "main;b", 1)]);
        let a = profile.functions.iter().position(|f| f.name == "a");
        profile.functions[a.unwrap()].name = "b".to_owned();
        let frames = Frames::new(&profile);
        let leaf = |index: usize| frames.of(&profile.samples[index]).next().unwrap().frame;
        assert_eq!(leaf(0), leaf(1));
    }

    /// `join!` in an async block beside an async block that it polls: what the second awaits was nobody's.
    #[test]
    fn a_macros_closure_is_not_the_programs() {
        let closure = "shop::main::{closure}::{closure}";
        let mut profile = profile(&[("worker", "shop::main;a", 1), ("worker", "shop::main;b", 1)]);
        for (name, file) in [("a", "tokio/src/macros/join.rs"), ("b", "src/main.rs")] {
            let mut functions = profile.functions.iter_mut();
            let function = functions.find(|function| function.name == name).unwrap();
            function.name = closure.to_owned();
            function.file = file.to_owned();
        }
        let frames = Frames::new(&profile);
        let origins: Vec<Origin> = (profile.samples.iter())
            .map(|sample| frames.get(frames.of(sample).next().unwrap().frame).origin)
            .collect();
        assert_eq!(origins, [Origin::Runtime, Origin::Own]);
    }

    #[test]
    fn address_without_a_name_is_module_and_offset() {
        let mut profile = profile(&[("worker", "main;a", 1)]);
        profile.modules.push(Module {
            path: "/usr/lib/libx.so".to_owned(),
            load_bias: 0x7000,
            ..Module::default()
        });
        profile.locations.push(Location {
            address: 0x7123,
            module: Some(profile.modules.len() as u32 - 1),
            lines: Vec::new(),
        });
        profile.samples[0].stack = vec![profile.locations.len() as u32 - 1];
        let frames = Frames::new(&profile);
        let leaf = frames.of(&profile.samples[0]).next().unwrap();
        assert_eq!(frames.get(leaf.frame).name, "libx.so+0x123");
        // The same after somebody tried to symbolize it.
        profile.functions.push(Function {
            name: "libx.so+0x123".to_owned(),
            ..Function::default()
        });
        let function = profile.functions.len() as u32 - 1;
        let location = profile.locations.last_mut().unwrap();
        location.lines = vec![Line { function, line: 0 }];
        let frames = Frames::new(&profile);
        let leaf = frames.of(&profile.samples[0]).next().unwrap();
        assert_eq!(frames.get(leaf.frame).origin, Origin::Unknown);
        assert!(!has_name(&profile, profile.locations.last().unwrap()));
        assert!(has_name(&profile, &profile.locations[0]));
    }

    #[test]
    fn folded_stack_is_other() {
        let mut profile = profile(&[("worker", "main;a", 1)]);
        profile.samples[0].stack.clear();
        let frames = Frames::new(&profile);
        let leaf = frames.of(&profile.samples[0]).next().unwrap();
        assert_eq!(frames.get(leaf.frame).name, OTHER);
    }
}
