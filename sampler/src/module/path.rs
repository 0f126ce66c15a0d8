//! Which file a module came from.

use std::fs;

/// What the kernel appends to the name of a file that is no longer there.
const DELETED: &str = " (deleted)";

/// The main executable's path, from an address in it. A file that was replaced or removed since keeps its old name: the build ID tells whether
/// it is still the same.
pub(super) fn executable(address: u64) -> String {
    // Not /proc/self/exe first: that is the loader when the program was started through it.
    let path = mapped_at(address).or_else(|| {
        Some(
            fs::read_link("/proc/self/exe")
                .ok()?
                .to_string_lossy()
                .into_owned(),
        )
    });
    path.map_or_else(String::new, |path| without_deleted(&path, exists))
}

/// A library's path, from the name that it was loaded by and an address in it.
pub(super) fn library(name: &str, address: u64) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    // The name is relative to a folder that may no longer be the current one. The kernel knows the file.
    mapped_at(address).map_or_else(|| name.to_owned(), |path| without_deleted(&path, exists))
}

fn exists(path: &str) -> bool {
    fs::exists(path).unwrap_or(false)
}

fn without_deleted(path: &str, exists: impl Fn(&str) -> bool) -> String {
    match path.strip_suffix(DELETED) {
        // A file may truly be called so.
        Some(short) if !exists(path) => short.to_owned(),
        _ => path.to_owned(),
    }
}

fn mapped_at(address: u64) -> Option<String> {
    let maps = fs::read("/proc/self/maps").ok()?;
    path_in_maps(&String::from_utf8_lossy(&maps), address)
}

/// The path at this address in the text of /proc/PID/maps.
fn path_in_maps(maps: &str, address: u64) -> Option<String> {
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let (start, end) = (
            u64::from_str_radix(start, 16).ok()?,
            u64::from_str_radix(end, 16).ok()?,
        );
        let path = &rest[rest.find('/')?..];
        (start..end).contains(&address).then(|| path.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_is_taken_off_unless_it_is_the_name() {
        assert_eq!(without_deleted("/bin/a (deleted)", |_| false), "/bin/a");
        assert_eq!(
            without_deleted("/bin/a (deleted)", |_| true),
            "/bin/a (deleted)"
        );
        assert_eq!(without_deleted("/bin/a", |_| true), "/bin/a");
    }

    #[test]
    fn maps_line_around_the_address_gives_the_path() {
        let maps = "\
55d0c0a00000-55d0c0a01000 r--p 00000000 fe:00 1234    /opt/my app/a b
55d0c0a01000-55d0c0a05000 r-xp 00001000 fe:00 1234    /opt/my app/a b
7f0000000000-7f0000001000 rw-p 00000000 00:00 0
7fff00000000-7fff00001000 r-xp 00000000 00:00 0    [vdso]";
        assert_eq!(
            path_in_maps(maps, 0x55d0c0a04fff).as_deref(),
            Some("/opt/my app/a b")
        );
        assert_eq!(path_in_maps(maps, 0x55d0c0a05000), None);
        assert_eq!(path_in_maps(maps, 0x7f0000000800), None);
        assert_eq!(path_in_maps(maps, 0x7fff00000800), None);
    }

    #[test]
    fn executable_is_this_test() {
        let here = executable_is_this_test as fn() as usize as u64;
        assert_eq!(
            executable(here),
            std::env::current_exe().unwrap().to_string_lossy()
        );
        assert_eq!(
            executable(0),
            std::env::current_exe().unwrap().to_string_lossy(),
            "found without the address too"
        );
    }
}
