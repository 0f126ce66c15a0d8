//! Reads a stack of a blocked thread from its leaf to the first frame that is not a part of waiting.

use super::kind::WaitKind;
use super::name::Name;
use super::table::{self, Means};

/// A frame of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'n> {
    /// The function's canonical name.
    pub name: &'n str,
    /// The file of its definition; empty when not known.
    pub file: &'n str,
}

impl<'n> From<&'n str> for Frame<'n> {
    fn from(name: &'n str) -> Self {
        Self { name, file: "" }
    }
}

/// A wait that the stack tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownWait {
    /// What for.
    pub kind: WaitKind,
    /// Whose wait it is: `std`, `parking_lot`, `pthread`, …
    pub library: &'static str,
    /// So many frames, counted from the leaf, are the waiting; the next one's function is who waits (in a library's name perhaps).
    pub frames: usize,
}

/// Frames looked at: the ways into the kernel are shorter.
const MOST_FRAMES: usize = 48;

/// What a blocked thread waits for, by its stack's frames, innermost first, inlined ones included.
///
/// The innermost function that is known decides. Parking and conditions are what other waits are made of: for those the known functions around
/// them decide, up to the first frame that belongs to no library that waits. So a channel's receiver that waits for the channel's own mutex waits
/// for a mutex, and one that is parked in it waits for a message.
pub fn known_wait<'n>(stack: impl IntoIterator<Item = Frame<'n>>) -> Option<KnownWait> {
    let mut known: Option<KnownWait> = None;
    for (at, frame) in stack.into_iter().take(MOST_FRAMES).enumerate() {
        let name = Name::of(frame.name, frame.file);
        match table::means(&name) {
            Means::Wait(kind, library) => match &mut known {
                Some(inner) if inner.kind == kind => inner.frames = at + 1,
                // Its own way in, in other words: `Mutex::lock` around `ReentrantMutex::lock`.
                Some(inner) if !inner.kind.is_mechanism() => {}
                _ => {
                    known = Some(KnownWait {
                        kind,
                        library,
                        frames: at + 1,
                    });
                }
            },
            Means::Call(kind, library) if known.is_none() => {
                known = Some(KnownWait {
                    kind,
                    library,
                    frames: at + 1,
                });
            }
            // The same wait by another of its names: `pthread_mutex_lock` around `lll_lock_wait`.
            Means::Call(kind, _) => match &mut known {
                Some(inner) if inner.kind == kind => inner.frames = at + 1,
                _ => break,
            },
            Means::Inside => {}
            Means::Nothing => break,
        }
    }
    known
}
