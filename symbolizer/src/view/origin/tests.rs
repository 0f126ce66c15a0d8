//! Names and files, and whose code they are.

use super::*;

#[track_caller]
fn check(name: &str, file: &str, expected: Origin) {
    assert_eq!(origin(name, file), expected, "{name}");
}

#[test]
fn own_code() {
    check("demo::json::parse", "", Origin::Own);
    check("demo::json::parse", "src/json.rs", Origin::Own);
    check("demo::main::{closure#0}", "", Origin::Own);
    check(
        "<demo::Serve as core::future::future::Future>::poll",
        "",
        Origin::Own,
    );
    check("<demo::Serve>::run", "", Origin::Own);
    check("exported_to_c", "src/ffi.rs", Origin::Own);
}

#[test]
fn own_trait_on_a_type_of_std() {
    check(
        "<alloc::vec::Vec<u8> as demo::Encode>::encode",
        "",
        Origin::Own,
    );
    check("<&T as demo::Encode>::encode", "", Origin::Own);
    check(
        "<[u8; 4] as demo::Encode>::encode",
        "src/encode.rs",
        Origin::Own,
    );
}

#[test]
fn dependency_by_its_file() {
    check(
        "serde_json::de::from_str",
        "/home/a/.cargo/registry/src/index/serde_json-1/src/de.rs",
        Origin::Dependency,
    );
    check(
        "ZSTD_compress",
        "/usr/local/cargo/registry/src/index/zstd-sys/zstd/lib/c.c",
        Origin::Dependency,
    );
}

#[test]
fn canonical_paths() {
    check(
        "miniz_oxide::deflate::core::find_match",
        "miniz_oxide/src/deflate/core.rs",
        Origin::Dependency,
    );
    check(
        "core::slice::iter::fold",
        "library/core/src/slice/iter.rs",
        Origin::Std,
    );
    check("exported_by_std", "library/std/src/io/mod.rs", Origin::Std);
    check(
        "demo::work::checksum",
        "/home/a/demo/examples/work.rs",
        Origin::Own,
    );
    check("demo::work::checksum", "examples/work.rs", Origin::Own);
}

#[test]
fn c_code() {
    check("_int_malloc", "malloc/malloc.c", Origin::System);
    check("epoll_wait", "", Origin::System);
    check("own_parser", "/home/a/demo/native/parser.c", Origin::Own);
}

#[test]
fn standard_library() {
    check("core::slice::iter::Iter::next", "", Origin::Std);
    check(
        "<alloc::vec::Vec<demo::X> as core::iter::Extend<demo::X>>::extend",
        "",
        Origin::Std,
    );
    check(
        "<core::slice::Iter<T> as core::iter::Iterator>::next",
        "",
        Origin::Std,
    );
    check("<T as core::convert::Into<U>>::into", "", Origin::Std);
}

#[test]
fn what_the_compiler_makes_is_std() {
    check("__rustc::__rust_alloc", "", Origin::Std);
    check("__rustc::rust_begin_unwind", "", Origin::Std);
    check("panic_abort::__rust_start_panic", "", Origin::Std);
    let installed = "/home/a/.rustup/toolchains/stable/lib/rustlib/src/rust/library";
    for (name, file) in [
        ("memcpy", "compiler-builtins/src/mem/mod.rs"),
        ("detect_features", "std_detect/src/detect/os/x86.rs"),
    ] {
        check(name, &format!("{installed}/{file}"), Origin::Std);
    }
    // Its canonical form, `hashbrown/src/…`, may be the program's own copy as well.
    let deps = "/rust/deps/hashbrown-0.16.0/src/raw/mod.rs";
    check("RawTable::find_inner", deps, Origin::Std);
}

#[test]
fn parts_of_names_go_by_their_file() {
    check(
        "Iter::position",
        "library/core/src/slice/iter/macros.rs",
        Origin::Std,
    );
    check(
        "<&_ as PartialEq>::eq",
        "library/core/src/cmp.rs",
        Origin::Std,
    );
    check("u64::rotate_left", "", Origin::Std);
    check(
        "FnOnce::call_once",
        "library/core/src/ops/function.rs",
        Origin::Runtime,
    );
    check(
        "{closure}",
        "/rustc/abc/library/std/src/thread/mod.rs",
        Origin::Runtime,
    );
    check(
        "poll_future",
        "tokio/src/runtime/task/harness.rs",
        Origin::Runtime,
    );
    check("Mutex::lock", "tokio/src/sync/mutex.rs", Origin::Dependency);
    check("Order::price", "/home/a/shop/src/order.rs", Origin::Own);
}

#[test]
fn scaffolding() {
    check(
        "core::ops::function::FnOnce::call_once",
        "",
        Origin::Runtime,
    );
    check(
        "<alloc::boxed::Box<dyn core::ops::FnOnce()> as core::ops::function::FnOnce<()>>::call_once",
        "",
        Origin::Runtime,
    );
    check(
        "<core::panic::unwind_safe::AssertUnwindSafe<F> as core::ops::function::FnOnce<()>>::call_once",
        "",
        Origin::Runtime,
    );
    check(
        "tokio::runtime::task::harness::poll_future",
        "/x/.cargo/registry/src/i/tokio-1/src/h.rs",
        Origin::Runtime,
    );
    check(
        "<core::pin::Pin<P> as core::future::future::Future>::poll",
        "",
        Origin::Runtime,
    );
    check("start_thread", "", Origin::Runtime);
    check(
        "std::thread::Builder::spawn_unchecked_::{closure#1}",
        "",
        Origin::Runtime,
    );
}

#[test]
fn scaffolding_polling_own_code_is_own() {
    check(
        "<demo::App as core::ops::function::FnOnce<()>>::call_once",
        "",
        Origin::Own,
    );
}

#[test]
fn c_library() {
    check("__memmove_avx_unaligned_erms", "", Origin::System);
}

#[test]
fn crates() {
    assert_eq!(crate_name("serde_json::de::from_str"), Some("serde_json"));
    assert_eq!(
        crate_name("<alloc::vec::Vec<u8> as demo::Encode>::encode"),
        Some("demo")
    );
    assert_eq!(
        crate_name("<core::slice::Iter<T> as core::iter::Iterator>::next"),
        Some("core")
    );
    assert_eq!(crate_name("memcpy"), None);
}

#[test]
fn an_arrow_is_no_bracket() {
    assert_eq!(
        crate_name("<fn(u8) -> u8 as demo::Call>::call"),
        Some("demo")
    );
}
