//! Keeps the list of modules, and their unwind tables, in step with the loader.
#![allow(unsafe_code)] // Reads the sections of modules that are never unloaded in place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hotpoll_profile::{Module, ModuleKind};

use super::path;
use super::snapshot::{self, Changes, Listed, Sort};
use crate::unwind::{ModuleTable, TableSize, Tables, TablesEntry, UnwindSections, compile};

/// The process's modules and their unwind tables. For one background thread.
#[derive(Debug, Default)]
pub struct Tracker {
    changes: Option<Changes>,
    known: Vec<Known>,
}

/// One module with its table.
#[derive(Debug)]
struct Known {
    listed: Listed,
    modules: Vec<Module>,
    table: Arc<ModuleTable>,
    compile_time: Duration,
}

/// The modules that are loaded now, without their unwind tables: for whoever cannot wait for those, which take a second for a very large
/// program. Takes the loader's lock for a moment.
pub fn loaded() -> Vec<Module> {
    let (listed, _) = snapshot::take();
    listed.iter().flat_map(modules).collect()
}

/// What a module's unwind table is like.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModuleUnwind {
    /// The module's path.
    pub path: String,
    /// Its table's size, and what the table could not say.
    pub size: TableSize,
    /// Whether the module has unwind information at all.
    pub has_unwind_info: bool,
    /// How long the table took to compile.
    pub compile_time: Duration,
}

impl Tracker {
    /// Knows no module yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks whether modules came or went. Returns tables of all that are loaded now when they did, and the first time.
    ///
    /// Costs about a microsecond when nothing changed. Takes the loader's lock for a moment, so it can wait for a `dlopen` elsewhere.
    pub fn refresh(&mut self) -> Option<Tables> {
        let first = self.known.is_empty();
        if !first && self.changes.is_some() && snapshot::changes() == self.changes {
            return None;
        }
        let (listed, changes) = snapshot::take();
        let removed_some =
            self.changes.map(|before| before.removed) != changes.map(|now| now.removed);
        self.changes = changes;
        let mut old = std::mem::take(&mut self.known);
        let old_count = old.len();
        let mut reused = 0;
        for module in listed {
            // Without a build ID a library could have been replaced by another of the same name, size and place.
            let certain = !removed_some
                || !module.layout.build_id().is_empty()
                || module.sort != Sort::Library;
            let place = old
                .iter()
                .position(|known| certain && known.listed == module);
            match place {
                Some(place) => {
                    self.known.push(old.swap_remove(place));
                    reused += 1;
                }
                None => self.known.extend(Known::new(module)),
            }
        }
        if !first && reused == old_count && reused == self.known.len() {
            return None;
        }
        Some(self.tables())
    }

    /// The modules that were loaded at the last [`Tracker::refresh`], one for each executable mapping.
    pub fn modules(&self) -> impl Iterator<Item = &Module> {
        self.known.iter().flat_map(|known| &known.modules)
    }

    /// What their unwind tables are like.
    pub fn unwind(&self) -> impl Iterator<Item = ModuleUnwind> + '_ {
        self.known.iter().map(|known| ModuleUnwind {
            path: known
                .modules
                .first()
                .map(|module| module.path.clone())
                .unwrap_or_default(),
            size: known.table.size(),
            has_unwind_info: known.listed.layout.eh_frame.0 != 0,
            compile_time: known.compile_time,
        })
    }

    fn tables(&self) -> Tables {
        let entries = self.known.iter().flat_map(|known| {
            let base = known.listed.layout.text().start;
            known.modules.iter().map(move |module| TablesEntry {
                start: module.start,
                end: module.end,
                base,
                table: Arc::clone(&known.table),
            })
        });
        Tables::new(entries.collect())
    }
}

impl Known {
    /// Compiles a module's table; nothing when it was unloaded meanwhile.
    fn new(listed: Listed) -> Option<Self> {
        let begun = Instant::now();
        let table = match listed.sort {
            Sort::Library => {
                let copied = snapshot::copy_sections(&listed.layout)?;
                compile(&sections(&listed, &copied.eh_frame, &copied.eh_frame_hdr))
            }
            Sort::Executable | Sort::Vdso => {
                // SAFETY: readable when the layout was read, and these two are never unloaded.
                let (eh_frame, eh_frame_hdr) = unsafe {
                    (
                        snapshot::bytes(listed.layout.eh_frame),
                        snapshot::bytes(listed.layout.eh_frame_hdr),
                    )
                };
                compile(&sections(&listed, eh_frame, eh_frame_hdr))
            }
        };
        Some(Self {
            modules: modules(&listed),
            table: Arc::new(table),
            compile_time: begun.elapsed(),
            listed,
        })
    }
}

fn sections<'s>(listed: &Listed, eh_frame: &'s [u8], eh_frame_hdr: &'s [u8]) -> UnwindSections<'s> {
    UnwindSections {
        eh_frame,
        eh_frame_address: listed.layout.eh_frame.0,
        eh_frame_hdr,
        eh_frame_hdr_address: listed.layout.eh_frame_hdr.0,
        text: listed.layout.text(),
    }
}

fn modules(listed: &Listed) -> Vec<Module> {
    let path = match listed.sort {
        Sort::Vdso => "[vdso]".to_owned(),
        Sort::Executable => path::executable(listed.layout.text().start),
        Sort::Library => path::library(&listed.name, listed.layout.text().start),
    };
    let code = listed.layout.code().map(|code| Module {
        path: path.clone(),
        kind: if listed.sort == Sort::Vdso {
            ModuleKind::Vdso
        } else {
            ModuleKind::File
        },
        build_id: listed.layout.build_id().to_vec(),
        start: code.start,
        end: code.end,
        load_bias: listed.layout.bias,
        file_offset: code.file_offset,
    });
    code.collect()
}
