//! The files of code that a process has loaded.

/// What sort of thing holds the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ModuleKind {
    /// An ELF file.
    #[default]
    File,
    /// The kernel's vDSO.
    Vdso,
}

/// A loaded file, where it lies in memory, and what tells it from others of the same name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Module {
    /// The path as the process sees it; `[vdso]` for the vDSO.
    pub path: String,
    /// What sort of thing holds the code.
    pub kind: ModuleKind,
    /// The GNU build ID; empty when the file has none.
    pub build_id: Vec<u8>,
    /// First address of the executable mapping.
    pub start: u64,
    /// One past its last address.
    pub end: u64,
    /// What was added to the file's virtual addresses when it was loaded.
    pub load_bias: u64,
    /// The executable mapping's offset in the file.
    pub file_offset: u64,
}

impl Module {
    /// The address as the object file has it.
    pub fn relative_address(&self, address: u64) -> u64 {
        address.wrapping_sub(self.load_bias)
    }

    /// Whether the address lies in the executable mapping.
    pub fn contains(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// The file's name without its folders.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}
