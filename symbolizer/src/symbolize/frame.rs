//! A frame as the object file tells it, before names are made canonical.

/// One frame at an address. The cache keeps these, so that a better canonical form of names needs no new look at DWARF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RawFrame {
    /// The name in the object file, mangled where it is; empty when not known.
    pub(super) symbol: String,
    /// The module path guessed from the source file, where the object file has only the last part of a name
    /// ([`super::scope`]), or the function that a closure stands in ([`super::closure`]); empty otherwise.
    pub(super) scope: String,
    /// The source file of [`RawFrame::line`]; empty when not known.
    pub(super) file: String,
    /// The source line; 0 when not known.
    pub(super) line: u32,
    /// Where the function's definition starts; 0 when not known.
    pub(super) start_line: u32,
}

/// Addresses as the object file has them, each with its frames, innermost inlined first. No frames: nothing is known there.
pub(super) type Answers = std::collections::BTreeMap<u64, Vec<RawFrame>>;
