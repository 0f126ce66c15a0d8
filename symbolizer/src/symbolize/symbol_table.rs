//! Functions by the symbol table of an ELF file.

use object::{
    LittleEndian, Object, ObjectSection, SectionIndex,
    elf::{self, SHF_EXECINSTR, STB_GLOBAL, STB_WEAK, STT_FUNC, STT_GNU_IFUNC, STT_NOTYPE},
    read::elf::{SectionHeader, Sym},
};

use super::{arena::Arena, elf::Elf, plt};

/// How many symbols before the nearest one are asked whether they reach over an address: code in assembly puts labels inside functions.
const MAX_ENCLOSING_STEPS: usize = 16;

/// The functions of an ELF file, by address.
#[derive(Default)]
pub(super) struct SymbolTable<'a> {
    symbols: Vec<Symbol>,
    names: Names<'a>,
    is_full: bool,
}

/// Tables of names.
type Names<'a> = Vec<&'a [u8]>;

#[derive(Clone, Copy)]
struct Symbol {
    start: u64,
    /// One past its last address.
    end: u64,
    /// Where its name begins, and in which table of names.
    name: u32,
    table: u8,
    has_size: bool,
    is_global: bool,
    is_weak: bool,
}

impl<'a> SymbolTable<'a> {
    /// The first full table of the object file and its debug file; where neither has one, what is left: the dynamic one, and the names that
    /// a distribution left in a file inside the file. And the stubs of calls into other files, whose names `made` keeps.
    pub(super) fn read(
        object: &Elf<'a>,
        separate: Option<&Elf<'a>>,
        mini: Option<&Elf<'a>>,
        made: &'a Arena<Vec<u8>>,
    ) -> Self {
        let mut table = Self::default();
        for file in [Some(object), separate].into_iter().flatten() {
            if !table.is_full {
                table.is_full = table.collect(file, elf::SHT_SYMTAB);
            }
        }
        if !table.is_full {
            table.is_full = mini.is_some_and(|mini| table.collect(mini, elf::SHT_SYMTAB));
            let files = [Some(object), separate];
            // The first that has any.
            let mut files = files.into_iter().flatten();
            files.any(|file| table.collect(file, elf::SHT_DYNSYM));
        }
        table.sort();
        table.add_stubs(object, made);
        table
    }

    fn sort(&mut self) {
        self.symbols.sort_by_key(|symbol| symbol.start);
        keep_best_names(&mut self.symbols, &self.names);
        close_gaps(&mut self.symbols);
    }

    /// Adds a file's functions; whether there were any.
    fn collect(&mut self, file: &Elf<'a>, kind: elf::SectionType) -> bool {
        let Some((mut symbols, names)) = collect(file, kind) else {
            return false;
        };
        for symbol in &mut symbols {
            symbol.table = self.names.len() as u8;
        }
        self.names.push(names);
        self.symbols.extend_from_slice(&symbols);
        !symbols.is_empty()
    }

    /// Adds the stubs of calls into other files, where nothing else has a name.
    fn add_stubs(&mut self, object: &Elf<'a>, made: &'a Arena<Vec<u8>>) {
        let mut names = Vec::new();
        let mut added = Vec::new();
        for stub in plt::stubs(object) {
            let name = match stub.target {
                plt::Target::Named(name) => name,
                plt::Target::Chosen(address) => self.find(address).unwrap_or_default().as_bytes(),
            };
            if name.is_empty() || self.find(stub.start).is_some() {
                continue;
            }
            added.push(Symbol {
                start: stub.start,
                end: stub.end,
                name: names.len() as u32,
                table: self.names.len() as u8,
                has_size: true,
                is_global: false,
                is_weak: false,
            });
            names.extend_from_slice(name);
            names.extend_from_slice(b"@plt\0");
        }
        if let Some(names) = made.keep(names) {
            self.names.push(names);
            self.symbols.extend(added);
            self.symbols.sort_by_key(|symbol| symbol.start);
        }
    }

    /// Whether it is the table for linkers and debuggers, not the one for the loader.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The name of the function that the address lies in.
    pub(super) fn find(&self, address: u64) -> Option<&'a str> {
        let next = self
            .symbols
            .partition_point(|symbol| symbol.start <= address);
        self.symbols[..next]
            .iter()
            .rev()
            .take(MAX_ENCLOSING_STEPS)
            .find(|symbol| address < symbol.end)
            .and_then(|symbol| name_of(&self.names, symbol))
    }
}

/// One symbol for each start: of several the one with a size, the most public one, and the plainest name (`malloc` before
/// `__libc_malloc`).
fn keep_best_names(symbols: &mut Vec<Symbol>, names: &Names<'_>) {
    let rank = |symbol: &Symbol| {
        let name = name_of(names, symbol).unwrap_or_default();
        let underscores = name.bytes().take_while(|&byte| byte == b'_').count();
        (
            !symbol.has_size,
            !symbol.is_global,
            !symbol.is_weak,
            underscores,
            std::cmp::Reverse(symbol.end),
            name,
        )
    };
    symbols.dedup_by(|later, kept| {
        let is_same = later.start == kept.start;
        if is_same && rank(later) < rank(kept) {
            *kept = *later;
        }
        is_same
    });
}

/// A symbol without a size (assembly often has none) ends where the next one starts, or its section ends.
fn close_gaps(symbols: &mut [Symbol]) {
    let mut next_start = u64::MAX;
    for symbol in symbols.iter_mut().rev() {
        if !symbol.has_size {
            symbol.end = symbol.end.min(next_start);
        }
        next_start = symbol.start;
    }
}

/// The functions of a table as they stand there, and its names.
fn collect<'a>(file: &Elf<'a>, kind: elf::SectionType) -> Option<(Vec<Symbol>, &'a [u8])> {
    let endian = LittleEndian;
    let sections = file.elf_section_table();
    let table = sections.symbols(endian, file.data(), kind).ok()?;
    let names = names_of(file, table.section())?;
    // One past the end of each section that holds code.
    let code_ends: Vec<Option<u64>> = sections
        .iter()
        .map(|section| {
            section.sh_flags(endian).contains(SHF_EXECINSTR).then(|| {
                section
                    .sh_addr(endian)
                    .saturating_add(section.sh_size(endian))
            })
        })
        .collect();
    let mut symbols = Vec::new();
    for (index, symbol) in table.enumerate() {
        let in_code = table
            .symbol_section(endian, symbol, index)
            .ok()
            .flatten()
            .and_then(|section| code_ends.get(section.0).copied().flatten());
        let Some(section_end) = in_code else { continue };
        if !matches!(symbol.st_type(), STT_FUNC | STT_GNU_IFUNC | STT_NOTYPE)
            || is_label(names, symbol.st_name(endian))
        {
            continue;
        }
        let (start, size) = (symbol.st_value(endian), symbol.st_size(endian));
        symbols.push(Symbol {
            start,
            end: if size == 0 {
                section_end
            } else {
                start.saturating_add(size)
            },
            name: symbol.st_name(endian),
            table: 0,
            has_size: size != 0,
            is_global: symbol.st_bind() == STB_GLOBAL,
            is_weak: symbol.st_bind() == STB_WEAK,
        });
    }
    Some((symbols, names))
}

/// Nameless symbols, compilers' labels (`.L1`) and mapping symbols (`$x`) are no functions.
fn is_label(names: &[u8], name: u32) -> bool {
    match names.get(name as usize..) {
        Some([0, ..] | [b'$', ..] | [b'.', b'L', ..] | []) | None => true,
        Some(_) => false,
    }
}

/// All names of a symbol table at once: read one by one they would cost a system call each where the file is not mapped.
fn names_of<'a>(file: &Elf<'a>, table: SectionIndex) -> Option<&'a [u8]> {
    let endian = LittleEndian;
    let table = file.elf_section_table().section(table).ok()?;
    let names = file
        .section_by_index(SectionIndex(table.sh_link(endian) as usize))
        .ok()?;
    names.data().ok()
}

fn name_of<'a>(names: &Names<'a>, symbol: &Symbol) -> Option<&'a str> {
    let names: &'a [u8] = names.get(usize::from(symbol.table))?;
    let name = names.get(symbol.name as usize..)?;
    let end = name.iter().position(|&byte| byte == 0)?;
    std::str::from_utf8(&name[..end]).ok()
}
