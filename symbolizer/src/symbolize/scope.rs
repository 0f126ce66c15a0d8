//! The module path that a bare function name most likely belongs to.
//!
//! With `debug = "line-tables-only"` rustc 1.95 writes inlined functions as `poll<T>`, without their path and without a mangled
//! name. Views that group by name would add up every `poll` of every crate. The source file of the frame is known, and Rust's
//! modules follow files: `/rustc/HASH/library/core/src/iter/map.rs` gives `core::iter::map`. Impl blocks and inline modules are
//! not in it, so such a name can differ from the one a build with `debug = 1` has; it never joins functions of different files.
//!
//! Which crate a file belongs to is told by the compilation units (`src/main.rs/@/service.0123-cgu.0`), and guessed from its
//! folders for crates that left no unit of their own.

use std::{cell::RefCell, cmp::Reverse, collections::HashMap};

use gimli::DwarfFileType;
use hotpoll_profile::canonical_path;

use super::sections::Reader;

/// The crates of a program.
pub(super) struct Crates {
    /// Deepest folder first; of equal ones the library first, which has most of the code that both see.
    roots: Vec<Root>,
    /// Files already asked for.
    scopes: RefCell<HashMap<String, String>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Root {
    /// The crate's first file: `/…/src/lib.rs`.
    file: String,
    /// The folder that its modules are in.
    folder: String,
    name: String,
}

impl Crates {
    /// By the names of the compilation units.
    pub(super) fn read(dwarf: &gimli::Dwarf<Reader<'_>>) -> Self {
        let mut roots = Vec::new();
        if dwarf.file_type == DwarfFileType::Main {
            let mut headers = dwarf.units();
            while let Ok(Some(header)) = headers.next() {
                let Ok(unit) = dwarf.unit(header) else {
                    continue;
                };
                let text = |text: Option<Reader<'_>>| {
                    text.map(|text| text.to_string_lossy().into_owned())
                        .unwrap_or_default()
                };
                roots.extend(Root::parse(&text(unit.name), &text(unit.comp_dir)));
            }
        }
        Self::new(roots)
    }

    fn new(mut roots: Vec<Root>) -> Self {
        roots.sort_by_cached_key(|root| {
            let is_library = root.file.ends_with("/lib.rs");
            (Reverse(root.folder.len()), !is_library, root.file.clone())
        });
        roots.dedup();
        Self {
            roots,
            scopes: RefCell::default(),
        }
    }

    /// The module path for a source file; empty where the file says nothing.
    pub(super) fn scope(&self, file: &str) -> String {
        if let Some(scope) = self.scopes.borrow().get(file) {
            return scope.clone();
        }
        let scope = self.find(file);
        let mut scopes = self.scopes.borrow_mut();
        scopes.insert(file.to_string(), scope.clone());
        scope
    }

    fn find(&self, file: &str) -> String {
        if let Some(root) = self.roots.iter().find(|root| root.file == file) {
            return root.name.clone();
        }
        let inside = self.roots.iter().find_map(|root| {
            let inside = file.strip_prefix(&root.folder)?.strip_prefix('/')?;
            Some((root, inside))
        });
        let Some((root, inside)) = inside else {
            return from_file(file);
        };
        let mut modules: Vec<&str> = inside.split('/').collect();
        let stem = modules.pop().unwrap_or_default();
        path(
            &root.name,
            &modules,
            stem.strip_suffix(".rs").unwrap_or(stem),
        )
    }
}

impl Root {
    /// rustc names units `ROOT/@/CRATE.HASH-cgu.N`.
    fn parse(unit: &str, compiled_in: &str) -> Option<Self> {
        let (root, codegen_unit) = unit.split_once("/@/")?;
        let (name, _) = codegen_unit.split_once('.')?;
        let file = if root.starts_with('/') {
            root.to_string()
        } else {
            format!("{}/{root}", compiled_in.trim_end_matches('/'))
        };
        let (folder, _) = file.rsplit_once('/')?;
        Some(Self {
            folder: folder.to_string(),
            name: name.to_string(),
            file,
        })
    }
}

/// The same for a file of a crate that has no unit, by its folders.
fn from_file(file: &str) -> String {
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
    use super::{Crates, Root, from_file};

    #[test]
    fn crates_by_their_units() {
        let units = [
            ("library/core/src/lib.rs/@/core.5f-cgu.0", "/rustc/59"),
            (
                "/c/registry/src/i/my-lib-1.0.0/src/lib.rs/@/mylib.1-cgu.0",
                "/c",
            ),
            ("src/main.rs/@/shop.1-cgu.0", "/home/me/shop"),
            ("src/main.rs/@/shop.1-cgu.1", "/home/me/shop"),
            ("src/lib.rs/@/shop_core.1-cgu.0", "/home/me/shop/"),
            (
                "examples/load-test/main.rs/@/load_test.1-cgu.0",
                "/home/me/shop",
            ),
            ("../csu/init.c", "/build"),
            ("", ""),
        ];
        let roots = units.iter();
        let crates = Crates::new(
            roots
                .filter_map(|(unit, dir)| Root::parse(unit, dir))
                .collect(),
        );
        assert_eq!(crates.roots.len(), 5);
        let check = |file: &str, expected: &str| assert_eq!(crates.scope(file), expected, "{file}");
        check("/rustc/59/library/core/src/iter/map.rs", "core::iter::map");
        check("/c/registry/src/i/my-lib-1.0.0/src/lib.rs", "mylib");
        check("/c/registry/src/i/my-lib-1.0.0/src/a/mod.rs", "mylib::a");
        check("/home/me/shop/src/main.rs", "shop");
        check("/home/me/shop/src/lib.rs", "shop_core");
        check("/home/me/shop/src/cart/sum.rs", "shop_core::cart::sum");
        check(
            "/home/me/shop/examples/load-test/work.rs",
            "load_test::work",
        );
        // Only generic code, so that it has no unit.
        check("/c/registry/src/i/either-1.0.0/src/lib.rs", "either");
        check("", "");
    }

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
            "/home/me/.cargo/registry/src/index-0123456789abcdef/tokio-1.54.1/src/runtime/task/core.rs",
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
