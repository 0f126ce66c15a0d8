//! Telling the sampler of a stack that is not the thread's own: a coroutine's, or one that was made for deep recursion.
//!
//! In: where it is, while the thread may run on it. Out: samples there have callchains, up to where the stack begins. Without it they have their leaf alone,
//! with the reason "foreign stack": what lies around a stack pointer that nobody knows need not be mapped.
#![allow(unsafe_code)] // Whoever tells of a stack answers for its memory.

use std::marker::PhantomData;
use std::ops::Range;

/// Until it is dropped the calling thread may run on another stack. Where one begins inside of another, the inner one counts, and afterwards the outer one again.
///
/// ```
/// # struct Coroutine { stack: Vec<u8> }
/// # impl Coroutine { fn resume(&mut self) {} }
/// fn resume(coroutine: &mut Coroutine) {
///     // SAFETY: the stack is the coroutine's as long as that lives.
///     let _on_stack = unsafe { hotpoll_sampler::OnStack::enter(coroutine.stack.as_ptr_range()) };
///     coroutine.resume();
/// }
/// # resume(&mut Coroutine { stack: vec![0; 64] });
/// ```
#[must_use = "the stack is known until this is dropped"]
pub struct OnStack {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    before: Option<(
        &'static crate::published::Published,
        crate::signal::stack_bounds::StackBounds,
    )>,
    /// It is the thread that runs there.
    _not_send: PhantomData<*const ()>,
}

impl OnStack {
    /// Tells of the stack. Some nanoseconds; nothing happens where sampling does not run.
    ///
    /// # Safety
    /// All of it is mapped and readable until the value is dropped, by the thread that made it.
    #[inline]
    pub unsafe fn enter(stack: Range<*const u8>) -> Self {
        #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
        let _ = stack;
        Self {
            #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
            before: tell(stack),
            _not_send: PhantomData,
        }
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn tell(
    stack: Range<*const u8>,
) -> Option<(
    &'static crate::published::Published,
    crate::signal::stack_bounds::StackBounds,
)> {
    if crate::fork::start_number() == 0 {
        return None;
    }
    let words = crate::published::published()?;
    let before = words.other_stack();
    words.set_other_stack(crate::signal::stack_bounds::StackBounds {
        low: stack.start as u64,
        high: stack.end as u64,
    });
    Some((words, before))
}

impl Drop for OnStack {
    #[inline]
    fn drop(&mut self) {
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        if let Some((words, before)) = self.before {
            // In a forked child these are the words of the parent's thread, which nobody reads.
            words.set_other_stack(before);
        }
    }
}
