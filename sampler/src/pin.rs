//! Keeping the handler's code in memory: a shared library that links hotpoll must not be unloaded under an installed handler.
#![allow(unsafe_code)] // dladdr and dlopen.

use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this code is part of the program itself, not of a shared library.
static IN_PROGRAM: AtomicBool = AtomicBool::new(false);

/// Pins the library that holds this code, if it is in one. Ordinary code; may take the loader's lock.
pub(crate) fn pin() {
    // SAFETY: zero is a valid Dl_info, dladdr fills it in, and a name that it gives is a C string that lives as long as the module, which is
    // the one that is executing.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        let here = pin as *const () as *const libc::c_void;
        if libc::dladdr(here, &mut info) == 0 || info.dli_fname.is_null() {
            return;
        }
        // The program itself starts where its own headers say; a library has another base.
        let program = libc::getauxval(libc::AT_PHDR) as usize;
        let base = info.dli_fbase as usize;
        if program.wrapping_sub(base) < 4096 {
            IN_PROGRAM.store(true, Ordering::Relaxed);
            return;
        }
        // NODELETE makes it stay when the last handle is closed; NOLOAD only finds what is loaded. The handle is kept for good.
        let _kept = libc::dlopen(
            CStr::from_ptr(info.dli_fname).as_ptr(),
            libc::RTLD_NOLOAD | libc::RTLD_NODELETE | libc::RTLD_LAZY,
        );
    }
}

/// Whether thread-local variables of this code need no look-up function: in the program itself they lie at fixed offsets, while in a
/// library each access may have to make room first, which allocates.
pub(crate) fn tls_is_static() -> bool {
    IN_PROGRAM.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_test_program_is_a_program() {
        super::pin();
        assert!(super::tls_is_static());
    }
}
