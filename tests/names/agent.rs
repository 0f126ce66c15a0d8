//! hotpoll as a shared library, for programs that must not be built anew with it: whoever loads this calls `hotpoll_library_start` once.
#![allow(unsafe_code)] // It is called by its name.

/// Starts sampling if the environment asks for it, until the process ends. True if it runs.
#[unsafe(no_mangle)]
pub extern "C" fn hotpoll_library_start() -> bool {
    match hotpoll::start_if_asked() {
        Ok(guard) => {
            // The end of the process writes the file.
            std::mem::forget(guard);
            true
        }
        Err(error) => {
            eprintln!("not sampling: {error}");
            false
        }
    }
}
