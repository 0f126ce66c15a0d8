//! From registers and a stack to a callchain.
//!
//! In ordinary code: each module's `.eh_frame` is compiled ([`compile`]) into a [`ModuleTable`]; the tables of all modules together are
//! [`Tables`], and a [`Publisher`] hands the newest ones to signal handlers.
//! In the handler: [`walk()`] takes [`Registers`] and a bounded way to read the stack ([`StackReader`]), and writes addresses. It is a pure
//! function: it allocates nothing, takes no lock, makes no system call, cannot panic, and each of its loops has a bound.
//!
//! ```text
//! .eh_frame ──compile──▶ ModuleTable ─┐
//! .eh_frame ──compile──▶ ModuleTable ─┼─▶ Tables ──publish──▶ (handler) walk(tables, cache, registers, stack) ──▶ addresses
//! .eh_frame ──compile──▶ ModuleTable ─┘
//! ```

mod builder;
mod cache;
mod compile;
mod publish;
mod rule;
mod stack;
mod table;
mod tables;
mod trail;
mod walk;

pub use cache::RuleCache;
pub use compile::{UnwindSections, compile};
pub use publish::{Publisher, Retired};
pub use rule::{Base, BpRule, CfaRule, FullRule, RaRule, Rule, SavedRegisters};
pub use stack::{BoundedStack, LinkedStacks, RED_ZONE, StackReader};
pub use table::{ModuleTable, TableSize};
pub use tables::{Tables, TablesEntry};
pub(crate) use trail::step_by_sp;
pub use trail::{Note, TRAIL_LENGTH, Trail};
pub(crate) use walk::walk_along;
pub use walk::{Registers, Walk, walk, walk_interrupted, walk_interrupted_along};
