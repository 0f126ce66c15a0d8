//! From a profile with addresses to a profile with names.

use std::{collections::HashMap, path::PathBuf, time::Instant};

use hotpoll_profile::{Function, Line, Module, Profile, canonical_path};

use super::{
    ModuleSymbols, Options, Source, Summary,
    cache::{Cache, Key, Record},
    elf::ElfFile,
    frame::{Answers, RawFrame},
    functions::Functions,
    hint, locate,
    locate::Plan,
    lookup, name,
    pending::{self, Group, placeholder},
};

/// Fills in the frames of every location that has no name yet, and says how far that went.
///
/// Names that a profile already has stay, but those of modules that [`Options::binaries`] names: these are looked up again, and
/// replaced where the binary knows the address. An address that nobody can name gets one frame, `module+0xoffset`.
pub fn symbolize(profile: &mut Profile, options: &Options) -> Summary {
    let started = Instant::now();
    // A line that names no function (a damaged file) must not come to name one that is added now.
    let known = profile.functions.len();
    for location in &mut profile.locations {
        location
            .lines
            .retain(|line| (line.function as usize) < known);
    }
    let named = NamedBinaries::open(options);
    let (groups, outside) = pending::collect(profile, |module| named.include(module));
    let cache = options.cache_dir.as_deref().and_then(Cache::open);
    let mut functions = Functions::new(std::mem::take(&mut profile.functions));
    let mut modules = Vec::new();
    for group in groups {
        modules.push(symbolize_group(
            profile,
            &mut functions,
            &group,
            options,
            cache.as_ref(),
        ));
    }
    for &index in &outside {
        let location = &mut profile.locations[index];
        let function = functions.intern(Function {
            name: format!("{:#x}", location.address),
            ..Function::default()
        });
        location.lines = vec![Line { function, line: 0 }];
    }
    profile.functions = functions.into_used(&mut profile.locations);
    modules.sort_by_key(|module| std::cmp::Reverse(module.addresses));
    Summary {
        modules,
        outside_modules: outside.len(),
        elapsed: started.elapsed(),
    }
}

/// What the user's `--binary` files are, to know which modules are asked for again.
struct NamedBinaries(Vec<(PathBuf, Vec<u8>)>);

impl NamedBinaries {
    fn open(options: &Options) -> Self {
        let open = |path: &PathBuf| {
            let file = ElfFile::open(path, options.map_files).ok()?;
            Some((path.clone(), file.facts.build_id))
        };
        Self(options.binaries.iter().filter_map(open).collect())
    }

    fn include(&self, module: &Module) -> bool {
        self.0.iter().any(|(path, build_id)| {
            if build_id.is_empty() || module.build_id.is_empty() {
                path.file_name()
                    .is_some_and(|name| name == module.file_name())
            } else {
                *build_id == module.build_id
            }
        })
    }
}

/// What is known about a group's addresses.
struct Known {
    answers: Answers,
    source: Source,
    cached: bool,
    missing: Vec<PathBuf>,
    notes: Vec<String>,
}

fn symbolize_group(
    profile: &mut Profile,
    functions: &mut Functions,
    group: &Group,
    options: &Options,
    cache: Option<&Cache>,
) -> ModuleSymbols {
    let module = &profile.modules[group.modules[0]];
    let mut plan = locate::locate(module, options, profile.start_unix_ns);
    let biases: HashMap<usize, u64> = group
        .modules
        .iter()
        .map(|&index| (index, plan.load_bias(&profile.modules[index])))
        .collect();
    let relative = |index: usize| {
        let location = &profile.locations[index];
        let bias = location
            .module
            .and_then(|module| biases.get(&(module as usize)));
        location
            .address
            .wrapping_sub(bias.copied().unwrap_or_default())
    };
    let wanted: Vec<(usize, u64)> = group
        .locations
        .iter()
        .map(|&index| (index, relative(index)))
        .collect();
    let mut addresses: Vec<u64> = wanted.iter().map(|&(_, address)| address).collect();
    addresses.sort_unstable();
    addresses.dedup();

    let known = find_answers(&plan, module, &addresses, options, cache);
    plan.notes.extend(known.notes.iter().cloned());
    let frames = || addresses.iter().filter_map(|at| known.answers.get(at));
    let symbols = ModuleSymbols {
        path: module.path.clone(),
        addresses: addresses.len(),
        named: frames().filter(|frames| is_named(frames)).count(),
        with_lines: frames()
            .filter(|frames| frames.iter().any(|frame| frame.line != 0))
            .count(),
        source: known.source,
        cached: known.cached,
        file: plan
            .debug
            .as_ref()
            .map(|(file, _)| file)
            .or(plan.object.as_ref())
            .map(|file| file.path.clone()),
        hint: hint::compose(
            module,
            known.source,
            &known.answers,
            &known.missing,
            &plan.notes,
        ),
    };
    fill(profile, functions, &wanted, &known.answers);
    symbols
}

fn is_named(frames: &[RawFrame]) -> bool {
    frames.iter().any(|frame| !frame.symbol.is_empty())
}

/// Answers from the cache, and from the plan's files for the rest.
fn find_answers(
    plan: &Plan<'_>,
    module: &Module,
    addresses: &[u64],
    options: &Options,
    cache: Option<&Cache>,
) -> Known {
    let key = Key::of(module, plan.object.as_ref().map(|file| &file.facts));
    let store = cache.zip(key);
    let identity = plan.identity();
    let mut record = store
        .as_ref()
        .and_then(|(cache, key)| cache.load(key))
        .filter(|record| {
            record.still_stands(identity, plan.quality(), |missing| {
                let mut paths = plan.search.split_files(missing).into_iter();
                paths.any(|path| path.exists())
            })
        })
        .unwrap_or_else(|| Record::new(identity));
    // What is on disk now may tell less than it did: answers of then are still right, for the same build ID.
    let is_older = record.identity != identity;
    let rest: Vec<u64> = addresses
        .iter()
        .copied()
        .filter(|address| !record.answers.contains_key(address))
        .collect();
    let cached = rest.is_empty() && !addresses.is_empty();
    if !cached {
        let outcome = lookup::look_up(plan, &rest, options.map_files);
        if is_older {
            record.answers.extend(outcome.answers);
        } else {
            record.merge(outcome);
            if let Some((cache, key)) = &store
                && plan.object.is_some()
            {
                cache.store(key, &record, &rest);
            }
        }
    }
    let wanted = |at: &u64| addresses.binary_search(at).is_ok();
    record.answers.retain(|at, _| wanted(at));
    Known {
        answers: record.answers,
        source: match record.source {
            Source::SymbolTable if module.kind == hotpoll_profile::ModuleKind::Vdso => Source::Vdso,
            source => source,
        },
        cached,
        missing: record.missing,
        notes: record.notes,
    }
}

/// Puts the frames into the profile.
fn fill(
    profile: &mut Profile,
    functions: &mut Functions,
    wanted: &[(usize, u64)],
    answers: &Answers,
) {
    let mut names = Names::default();
    for &(index, relative) in wanted {
        let location = &mut profile.locations[index];
        let Some(module) = location
            .module
            .and_then(|module| profile.modules.get(module as usize))
        else {
            continue;
        };
        let frames = answers
            .get(&relative)
            .map(Vec::as_slice)
            .unwrap_or_default();

        let is_poorer = !frames.iter().any(|frame| frame.line != 0)
            && location.lines.iter().any(|line| line.line != 0);
        if is_poorer || (frames.is_empty() && !location.lines.is_empty()) {
            continue;
        }
        let unnamed = || placeholder(module, relative);
        let mut lines: Vec<Line> = frames
            .iter()
            .map(|frame| Line {
                function: functions.intern(Function {
                    name: match frame.symbol.is_empty() {
                        true => unnamed(),
                        false => names.of_function(frame),
                    },
                    system_name: frame.symbol.clone(),
                    file: names.of_file(&frame.file),
                    start_line: frame.start_line,
                }),
                line: frame.line,
            })
            .collect();
        if lines.is_empty() {
            let function = functions.intern(Function {
                name: unnamed(),
                ..Function::default()
            });
            lines.push(Line { function, line: 0 });
        }
        location.lines = lines;
    }
}

/// Canonical names already made: a profile has few functions and many frames.
#[derive(Default)]
struct Names<'a> {
    functions: HashMap<(&'a str, &'a str), String>,
    files: HashMap<&'a str, String>,
}

impl<'a> Names<'a> {
    fn of_function(&mut self, frame: &'a RawFrame) -> String {
        self.functions
            .entry((&frame.scope, &frame.symbol))
            .or_insert_with(|| name::canonical(frame))
            .clone()
    }

    fn of_file(&mut self, file: &'a str) -> String {
        self.files
            .entry(file)
            .or_insert_with(|| canonical_path(file))
            .clone()
    }
}
