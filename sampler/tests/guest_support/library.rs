//! Small shared libraries, built when a test asks for them, that are loaded, called and unloaded while they are sampled.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Burns with a recursion of its own, so that there is something to unwind; calls back, so that frames of the program lie above its own.
const SOURCE: &str = r"
static unsigned long deeper(unsigned depth, unsigned long x) {
    volatile unsigned long local = x;
    if (depth) return deeper(depth - 1, local * 31) + local;
    for (int step = 0; step < 2000; step++) local = local * 6364136223846793005ul + 1;
    return local;
}
unsigned long library_burn(unsigned depth, unsigned long (*back)(unsigned long)) {
    return back(deeper(depth, depth)) + 1;
}
";

type Back = extern "C" fn(u64) -> u64;
type Burn = extern "C" fn(u32, Back) -> u64;

/// A folder with copies of one library, removed at the end.
pub struct Libraries {
    folder: PathBuf,
    pub paths: Vec<PathBuf>,
}

impl Libraries {
    /// Builds the library and copies it. `None` when there is no C compiler.
    pub fn build(copies: usize) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("hotpoll-libraries-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let libraries = |paths| Self {
            folder: folder.clone(),
            paths,
        };
        let Some(first) = compile(&folder, "lib0", SOURCE) else {
            drop(libraries(Vec::new()));
            return None;
        };
        let paths = (0..copies)
            .map(|number| {
                let path = folder.join(format!("lib{number}.so"));
                if number > 0 {
                    std::fs::copy(&first, &path).unwrap();
                }
                path
            })
            .collect();
        Some(libraries(paths))
    }
}

impl Drop for Libraries {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Builds one library from C source. `None` when there is no C compiler.
pub fn compile(folder: &Path, name: &str, source: &str) -> Option<PathBuf> {
    let (code, library) = (folder.join("library.c"), folder.join(format!("{name}.so")));
    std::fs::write(&code, source).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-pthread", "-o"])
        .args([&library, &code])
        .status();
    match built {
        Ok(status) => assert!(status.success(), "cc: {status}"),
        Err(_) => {
            assert!(
                std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
                "there is no C compiler"
            );
            return None;
        }
    }
    Some(library)
}

/// A function of a library that stays loaded.
///
/// # Safety
/// The library has such a function, and `F` is its type.
pub unsafe fn function<F: Copy>(library: &Path, name: &std::ffi::CStr) -> F {
    let path = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: the library runs no code of its own when it is opened; it is never closed.
    let found = unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null(), "dlopen {library:?}");
        libc::dlsym(handle, name.as_ptr())
    };
    assert!(!found.is_null() && size_of::<F>() == size_of_val(&found));
    // SAFETY: the caller's word.
    unsafe { std::mem::transmute_copy(&found) }
}

/// What the library calls back: a frame of the program above the library's.
extern "C" fn back(x: u64) -> u64 {
    super::shapes::descend(3).wrapping_add(x)
}

/// A library that is loaded.
pub struct Loaded {
    handle: *mut libc::c_void,
    burn: Burn,
}

impl Loaded {
    pub fn open(path: &Path) -> Self {
        let path = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the library has the function with this signature.
        unsafe {
            let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            assert!(!handle.is_null(), "dlopen {path:?}");
            let burn = libc::dlsym(handle, c"library_burn".as_ptr());
            assert!(!burn.is_null());
            let burn = std::mem::transmute::<*mut libc::c_void, Burn>(burn);
            Self { handle, burn }
        }
    }

    /// Calls its function some times.
    pub fn call(&self, calls: u32) {
        for call in 0..calls {
            std::hint::black_box((self.burn)(call % 30, back));
        }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: it is open, and not used after this.
        assert_eq!(unsafe { libc::dlclose(self.handle) }, 0);
    }
}

/// Loads a library, calls its function some times, and unloads it.
pub fn load_call_unload(path: &Path, calls: u32) {
    Loaded::open(path).call(calls);
}
