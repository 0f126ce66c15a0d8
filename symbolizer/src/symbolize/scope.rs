//! The module path that a bare function name most likely belongs to.
//!
//! With `debug = "line-tables-only"` rustc 1.95 writes inlined functions as `poll<T>`, without their path and without a mangled
//! name. Views that group by name would add up every `poll` of every crate. The source file of the frame is known, and Rust's
//! modules follow files: `/rustc/HASH/library/core/src/iter/map.rs` gives `core::iter::map`. Impl blocks and inline modules are
//! not in it, so such a name can differ from the one a build with `debug = 1` has; it never joins functions of different files.

use hotpoll_profile::canonical_path;

/// The module path for a source file; empty where the file says nothing.
pub(super) fn from_file(file: &str) -> String {
    let file = canonical_path(file);
    let parts: Vec<&str> = file.split('/').filter(|part| !part.is_empty()).collect();
    let Some((last, folders)) = parts.split_last() else {
        return String::new();
    };
    let stem = last.strip_suffix(".rs").unwrap_or(last);
    let Some(src) = folders.iter().rposition(|&part| part == "src") else {
        // No package around it: `tests/slow.rs` and a lone `slow.rs` are crates of their own.
        return identifier(stem);
    };
    match &folders[src + 1..] {
        ["bin"] => identifier(stem),
        ["bin", program, deeper @ ..] => path(program, deeper, stem),
        modules => path(folders[..src].last().unwrap_or(&""), modules, stem),
    }
}

fn path(package: &str, modules: &[&str], stem: &str) -> String {
    let stem = Some(stem).filter(|stem| !matches!(*stem, "lib" | "main" | "mod"));
    let parts = [package].into_iter().chain(modules.iter().copied());
    parts
        .chain(stem)
        .filter(|part| !part.is_empty())
        .map(identifier)
        .collect::<Vec<_>>()
        .join("::")
}

fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::from_file;

    #[test]
    fn follows_files() {
        let check = |file: &str, expected: &str| assert_eq!(from_file(file), expected, "{file}");
        check(
            "/rustc/59807616e1/library/core/src/iter/adapters/map.rs",
            "core::iter::adapters::map",
        );
        check(
            "/rustc/59807616e1/library/alloc/src/vec/mod.rs",
            "alloc::vec",
        );
        check(
            "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.1/src/runtime/task/core.rs",
            "tokio::runtime::task::core",
        );
        check(
            "/r/registry/src/i/futures-util-0.3.31-rc.1/src/lib.rs",
            "futures_util",
        );
        check(
            "/home/me/.cargo/git/checkouts/my-lib-0123456789abcdef/0123abc/src/deep/mod.rs",
            "my_lib::deep",
        );
        check("/home/me/service/src/main.rs", "service");
        check("crates/store/src/page/write.rs", "store::page::write");
        check("src/page.rs", "page");
        check("/home/me/service/src/bin/load-test.rs", "load_test");
        check("/home/me/service/src/bin/tool/main.rs", "tool");
        check(
            "/home/me/service/src/bin/tool/net/read.rs",
            "tool::net::read",
        );
        check("/home/me/service/tests/end_to_end.rs", "end_to_end");
        check("/tmp/one.rs", "one");
        check("foo-2/src/lib.rs", "foo_2");
        check("", "");
        check("/", "");
    }
}
