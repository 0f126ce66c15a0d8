//! Finds the files that can name a module's addresses, and proves that they are the ones that ran.
//!
//! A wrong name is worse than none: a file whose build ID differs is never used. Where build IDs are missing the inode of the
//! mapping, the time of the last change, or the user's word stand in, and the last two are said.

use std::path::{Path, PathBuf};

use hotpoll_profile::{Module, ModuleKind};

use super::{
    Options, Source, debug_link,
    elf::{ElfFile, Facts, Fnv, OpenError},
    proc_maps,
    search_path::SearchPath,
    summary::Quality,
    vdso,
};

/// The files for one module.
pub(super) struct Plan<'a> {
    /// The file that ran, or its debug twin where only that is left.
    pub(super) object: Option<ElfFile>,
    /// Separate debug info, and how it was found.
    pub(super) debug: Option<(ElfFile, Source)>,
    /// Debug info that dwz moved out.
    pub(super) supplement: Option<ElfFile>,
    /// Split debug info in one file.
    pub(super) package: Option<ElfFile>,
    pub(super) search: SearchPath<'a>,
    /// Sentences for the person who reads the report.
    pub(super) notes: Vec<String>,
    /// The file at the module's path is another build.
    pub(super) is_replaced: bool,
}

impl Plan<'_> {
    /// Changes when what can be found changes. The cache on disk is asked with it.
    pub(super) fn identity(&self) -> u64 {
        let mut hash = Fnv::default();
        let debug = self.debug.as_ref().map(|(file, _)| file);
        for file in [self.object.as_ref(), debug, self.supplement.as_ref()] {
            hash.add(&file.map_or(0, |file| file.facts.identity()).to_le_bytes());
        }
        // Packages have no build ID.
        let package = self.package.as_ref().and_then(|file| file.facts.stamp);
        hash.add(&package.map_or(0, |stamp| stamp.hash()).to_le_bytes());
        hash.finish()
    }

    /// How much the files promise to tell.
    pub(super) fn quality(&self) -> Quality {
        match &self.object {
            _ if self.debug.is_some() => Quality::Lines,
            Some(file) if file.facts.has_debug_info => Quality::Lines,
            Some(file) if file.facts.has_symbols => Quality::Functions,
            _ => Quality::Nothing,
        }
    }

    /// The addresses in the object file for an address in the process.
    pub(super) fn load_bias(&self, module: &Module) -> u64 {
        let Some(facts) = self.object.as_ref().map(|file| &file.facts) else {
            return module.load_bias;
        };
        // A profile of another tool tells where the mapping lies, not the bias: reading it takes sections to lie in memory as in the file, which lld's do not.
        // Where they do, what is found here is the same.
        let guess = module.start.wrapping_sub(module.file_offset);
        let is_noted = module.load_bias != 0 && module.load_bias != guess;
        if is_noted || (module.load_bias == 0 && !facts.position_independent) {
            return module.load_bias;
        }
        facts
            .code_segments
            .iter()
            .find(|segment| {
                (page(segment.offset)..segment.offset.saturating_add(segment.size))
                    .contains(&module.file_offset)
            })
            .map_or(module.load_bias, |segment| {
                guess.wrapping_sub(segment.address.wrapping_sub(segment.offset))
            })
    }
}

/// The start of the page, as the loader maps whole ones.
fn page(offset: u64) -> u64 {
    offset & !0xfff
}

/// Finds the module's files. `profile_start_ns` is when the profile began (0: not known).
pub(super) fn locate<'a>(module: &Module, options: &'a Options, profile_start_ns: u64) -> Plan<'a> {
    let mut finder = Finder {
        module,
        path: PathBuf::from(module.path.trim_end_matches(" (deleted)")),
        options,
        profile_start_ns,
        plan: Plan {
            object: None,
            debug: None,
            supplement: None,
            package: None,
            search: SearchPath::new(options),
            notes: Vec::new(),
            is_replaced: false,
        },
    };
    if module.kind == ModuleKind::Vdso {
        finder.find_vdso();
    } else {
        finder.find_object();
    }
    finder.find_debug();
    finder.find_supplement();
    finder.find_package();
    finder.plan
}

struct Finder<'m, 'a> {
    module: &'m Module,
    /// The module's path without the kernel's remark.
    path: PathBuf,
    options: &'a Options,
    profile_start_ns: u64,
    plan: Plan<'a>,
}

/// Whether a file is the module.
enum Verdict {
    Same,
    /// Taken for it; the sentence says on what ground.
    Likely(String),
    /// Not the module; nothing to say, because nobody claimed it.
    Unrelated,
    /// Not the module, though it stands in its place.
    Other(String),
}

impl Finder<'_, '_> {
    fn find_object(&mut self) {
        for path in &self.options.binaries {
            if path.extension().is_none_or(|extension| extension != "dwp") {
                self.try_object(path, |finder, facts| finder.judge_named(path, facts));
            }
        }
        if self.path.is_absolute() {
            for path in self.plan.search.both_roots(&self.path) {
                // What the process sees at its path counts. Our own file of that name is asked only where that cannot be seen.
                if self.try_object(&path, |finder, facts| finder.judge_by_path(facts)) {
                    break;
                }
            }
        }
        if self.plan.object.is_none()
            && let Some(pid) = self.options.pid
        {
            self.find_in_process(pid);
        }
        if self.plan.object.is_none() {
            self.find_by_build_id();
        }
    }

    /// The debug file alone names addresses as well as the file that ran.
    fn find_by_build_id(&mut self) {
        for path in self.plan.search.by_build_id(&self.module.build_id) {
            self.try_object(&path, |finder, facts| {
                if facts.build_id == finder.module.build_id {
                    Verdict::Same
                } else {
                    Verdict::Unrelated
                }
            });
        }
    }

    /// Our own vDSO stands for the process's if they are of one build; distributions keep debug files of it.
    fn find_vdso(&mut self) {
        self.plan.object = vdso::own().filter(|file| {
            !file.facts.build_id.is_empty() && file.facts.build_id == self.module.build_id
        });
        if self.plan.object.is_none() {
            self.find_by_build_id();
        }
    }

    /// A binary that was deleted or replaced is still there while it runs.
    fn find_in_process(&mut self, pid: u32) {
        let Module { start, end, .. } = self.module;
        let mapping = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
        let exe = PathBuf::from(format!("/proc/{pid}/exe"));
        let is_exe = exe.read_link().is_ok_and(|target| {
            target.to_string_lossy().trim_end_matches(" (deleted)") == self.path.to_string_lossy()
        });
        for (path, is_module) in [(mapping, true), (exe, is_exe)] {
            self.try_object(&path, |finder, facts| {
                match finder.compare_build_ids(facts) {
                    Some(true) => Verdict::Same,
                    None if is_module => Verdict::Same,
                    _ => Verdict::Unrelated,
                }
            });
        }
        if self.plan.is_replaced
            && let Some(file) = &self.plan.object
        {
            let path = file.path.display();
            self.plan
                .notes
                .push(format!("names are from the running file ({path})"));
        }
    }

    /// Takes the file if it is the module and better than what we have. Whether there was a file to judge.
    fn try_object(&mut self, path: &Path, judge: impl FnOnce(&Self, &Facts) -> Verdict) -> bool {
        if self
            .plan
            .object
            .as_ref()
            .is_some_and(|have| have.facts.has_debug_info)
        {
            return true;
        }
        let file = match ElfFile::open(path, self.options.map_files) {
            Ok(file) => file,
            Err(OpenError::Missing) => return false,
            Err(OpenError::Unreadable(why)) => {
                // /proc/PID/map_files wants rights that few have.
                if !path.starts_with("/proc") {
                    self.plan.notes.push(why);
                }
                return false;
            }
        };
        match judge(self, &file.facts) {
            Verdict::Same => {}
            Verdict::Likely(why) => self.plan.notes.push(why),
            Verdict::Unrelated => return true,
            Verdict::Other(why) => {
                self.plan.is_replaced = true;
                self.plan.notes.push(why);
                return true;
            }
        }
        let rank = |facts: &Facts| (facts.has_debug_info, facts.has_full_symbols);
        if self
            .plan
            .object
            .as_ref()
            .is_none_or(|have| rank(&file.facts) > rank(&have.facts))
        {
            self.plan.object = Some(file);
        }
        true
    }

    /// Whether both have a build ID, and the same.
    fn compare_build_ids(&self, facts: &Facts) -> Option<bool> {
        let (ours, theirs) = (&self.module.build_id, &facts.build_id);
        (!ours.is_empty() && !theirs.is_empty()).then(|| ours == theirs)
    }

    /// A file the user named: its build ID proves it; without one its name is taken for it.
    fn judge_named(&self, path: &Path, facts: &Facts) -> Verdict {
        let same_name = path.file_name() == self.path.file_name();
        match self.compare_build_ids(facts) {
            Some(true) => Verdict::Same,
            None if same_name => Verdict::Likely(format!(
                "{} was taken by its file name, because one side has no build ID: names are wrong if it is another build",
                path.display()
            )),
            Some(false) if same_name => Verdict::Other(format!(
                "{} is another build (build ID {}, the process ran {})",
                path.display(),
                hex(&facts.build_id),
                hex(&self.module.build_id)
            )),
            _ => Verdict::Unrelated,
        }
    }

    /// The file at the module's path: is it still the one that was started?
    fn judge_by_path(&self, facts: &Facts) -> Verdict {
        let path = self.path.display();
        if self.compare_build_ids(facts) == Some(true) {
            return Verdict::Same;
        }
        if !self.module.build_id.is_empty() {
            return Verdict::Other(format!(
                "{path} was replaced since the process loaded it (build ID {}, the process runs {})",
                if facts.build_id.is_empty() {
                    "missing".to_string()
                } else {
                    hex(&facts.build_id)
                },
                hex(&self.module.build_id)
            ));
        }
        let Some(stamp) = facts.stamp else {
            return Verdict::Unrelated;
        };
        if let Some(inode) = self.mapped_inode() {
            return if inode == stamp.inode {
                Verdict::Same
            } else {
                Verdict::Other(format!(
                    "{path} was replaced since the process loaded it (it is another file now)"
                ))
            };
        }
        if self.profile_start_ns != 0 && stamp.modified_ns > self.profile_start_ns as i64 {
            return Verdict::Other(format!(
                "{path} changed after the profile began, and without a build ID nothing proves that it is the same build; \
                 name it with --binary if it is"
            ));
        }
        Verdict::Likely(format!(
            "{path} was taken by its path: the profile has no build ID for it"
        ))
    }

    /// The inode of the file that the live process has mapped at the module.
    fn mapped_inode(&self) -> Option<u64> {
        let ranges = proc_maps::of(&self.options.pid?.to_string());
        let range = proc_maps::find(&ranges, self.module.start)?;
        Some(range.inode).filter(|&inode| inode != 0)
    }

    /// Separate debug info, where the file has none.
    fn find_debug(&mut self) {
        let Some(object) = &self.plan.object else {
            return;
        };
        self.plan.search.add_neighbours(&self.path);
        if let Some(root) = &self.options.root {
            let inside = super::search_path::under(root, &self.path);
            self.plan.search.add_neighbours(&inside);
        }
        if !object.path.starts_with("/proc") {
            self.plan.search.add_neighbours(&object.path);
        }
        if object.facts.has_debug_info {
            return;
        }
        let build_id = if self.module.build_id.is_empty() {
            object.facts.build_id.clone()
        } else {
            self.module.build_id.clone()
        };
        let is_better = |facts: &Facts| {
            facts.has_debug_info || (facts.has_full_symbols && !object.facts.has_full_symbols)
        };
        let open = |path: &Path| {
            ElfFile::open(path, self.options.map_files)
                .ok()
                .filter(|file| is_better(&file.facts))
        };
        let by_id = self
            .plan
            .search
            .by_build_id(&build_id)
            .iter()
            .filter_map(|path| open(path))
            .find(|file| file.facts.build_id == build_id)
            .map(|file| (file, Source::BuildIdFile));
        let by_link = || {
            let (name, crc) = object.facts.debug_link.as_ref()?;
            self.plan
                .search
                .by_debug_link(name)
                .iter()
                .filter_map(|path| open(path))
                .find(|file| {
                    if !build_id.is_empty() && !file.facts.build_id.is_empty() {
                        file.facts.build_id == build_id
                    } else {
                        debug_link::has_crc(&file.path, *crc)
                    }
                })
                .map(|file| (file, Source::DebugLink))
        };
        self.plan.debug = by_id.or_else(by_link);
    }

    fn find_supplement(&mut self) {
        let debug = self.plan.debug.as_ref().map(|(file, _)| file);
        let Some(file) = debug.or(self.plan.object.as_ref()) else {
            return;
        };
        let Some((name, build_id)) = &file.facts.alt_link else {
            return;
        };
        let mut search = SearchPath::new(self.options);
        search.add_neighbours(&file.path);
        self.plan.supplement = search
            .by_alt_link(name, build_id)
            .iter()
            .filter_map(|path| ElfFile::open(path, self.options.map_files).ok())
            .find(|supplement| supplement.facts.build_id == *build_id);
        if self.plan.supplement.is_none() {
            self.plan.notes.push(format!(
                "part of the debug info is in {}, which was not found",
                name.display()
            ));
        }
    }

    fn find_package(&mut self) {
        if self.plan.quality() != Quality::Lines {
            return;
        }
        let debug = self.plan.debug.as_ref().map(|(file, _)| &*file.path);
        let object = self.plan.object.as_ref().map(|file| &*file.path);
        let binaries: Vec<&Path> = [object, Some(&*self.path), debug]
            .into_iter()
            .flatten()
            .collect();
        let named = || {
            self.options
                .binaries
                .iter()
                .filter(|path| path.extension().is_some_and(|extension| extension == "dwp"))
                .cloned()
        };
        let own_name = format!("{}.dwp", self.module.file_name());
        self.plan.package = named()
            .filter(|path| path.file_name().is_some_and(|name| name == &*own_name))
            .chain(self.plan.search.packages(&binaries))
            .chain(named())
            .find_map(|path| ElfFile::open(&path, self.options.map_files).ok());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
