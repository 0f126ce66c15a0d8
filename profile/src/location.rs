//! Code addresses, and the named frames that they stand for.

/// An address in a callchain, as captured.
///
/// A return address points after the call, which may already be another line or another function: it is looked up one byte back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CodeAddress {
    /// Where the thread was executing: exact.
    InstructionPointer(u64),
    /// Where a call will return to.
    ReturnAddress(u64),
}

impl CodeAddress {
    /// The address to look symbols up with: inside the instruction that was executing or calling.
    pub fn lookup(self) -> u64 {
        match self {
            Self::InstructionPointer(address) => address,
            Self::ReturnAddress(address) => address.wrapping_sub(1),
        }
    }

    /// The lookup addresses of a callchain, leaf first: its first address is the instruction pointer, the others are return addresses.
    pub fn lookups(callchain: &[u64]) -> impl Iterator<Item = u64> + '_ {
        callchain.iter().enumerate().map(|(depth, &address)| {
            if depth == 0 {
                Self::InstructionPointer(address).lookup()
            } else {
                Self::ReturnAddress(address).lookup()
            }
        })
    }
}

/// One address of a profile, with the frames that it stands for once symbolized.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Location {
    /// The lookup address ([`CodeAddress::lookup`]), in the profiled process's address space.
    pub address: u64,
    /// Index into [`crate::Profile::modules`].
    pub module: Option<u32>,
    /// The frames at this address, innermost inlined first; empty while not symbolized.
    pub lines: Vec<Line>,
}

/// One frame at an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Line {
    /// Index into [`crate::Profile::functions`].
    pub function: u32,
    /// The source line; 0 when not known.
    pub line: u32,
}

/// A function of the source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Function {
    /// The canonical name, the one every view shows and compares.
    pub name: String,
    /// The name in the object file, mangled; empty when not known.
    pub system_name: String,
    /// The source file; empty when not known.
    pub file: String,
    /// Where the definition starts; 0 when not known.
    pub start_line: u32,
}
