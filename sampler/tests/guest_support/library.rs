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
        let source = folder.join("library.c");
        std::fs::write(&source, SOURCE).unwrap();
        let first = folder.join("lib0.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&first, &source])
            .status();
        let libraries = |paths| Self {
            folder: folder.clone(),
            paths,
        };
        match built {
            Ok(status) => assert!(status.success(), "cc: {status}"),
            Err(_) => {
                assert!(
                    std::env::var_os("HOTPOLL_REQUIRE_TOOLS").is_none(),
                    "there is no C compiler"
                );
                drop(libraries(Vec::new()));
                return None;
            }
        }
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

/// What the library calls back: a frame of the program above the library's.
extern "C" fn back(x: u64) -> u64 {
    super::shapes::descend(3).wrapping_add(x)
}

/// Loads a library, calls its function some times, and unloads it.
pub fn load_call_unload(path: &Path, calls: u32) {
    let path = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the library has the function with this signature, and is not used after it is closed.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null(), "dlopen {path:?}");
        let burn = libc::dlsym(handle, c"library_burn".as_ptr());
        assert!(!burn.is_null());
        let burn = std::mem::transmute::<*mut libc::c_void, Burn>(burn);
        for call in 0..calls {
            std::hint::black_box(burn(call % 30, back));
        }
        assert_eq!(libc::dlclose(handle), 0);
    }
}
