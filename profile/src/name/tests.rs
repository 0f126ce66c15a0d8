//! Real symbols, each in the spellings that it comes in: of one program built in both manglings by rustc 1.95.

use super::*;

/// All of `spellings` have one canonical name.
#[track_caller]
fn check(spellings: &[&str], canonical: &str) {
    for spelling in spellings {
        assert_eq!(canonical_name(spelling), canonical, "from {spelling}");
    }
    assert_eq!(canonical_name(canonical), canonical, "a second time");
}

#[test]
fn function() {
    check(
        &[
            "_ZN2tk6handle17hadadc2bae3a01886E",
            "_RNvCs6EtWrFVRDyB_2tk6handle",
            "tk::handle::hadadc2bae3a01886",
            "tk[b2a5c04d2c8a1e4f]::handle",
            "tk::handle",
        ],
        "tk::handle",
    );
}

#[test]
fn generic_function() {
    check(
        &[
            "_ZN5tokio7runtime4task3raw4poll17h3c538f5f6abc1fd2E",
            "_RINvNtNtNtCsaiRdNWFWvSB_5tokio7runtime4task3raw4pollNCNvCs6EtWrFVRDyB_2tk6handle0INtNtCslNYArtu3iFV_5alloc4sync3ArcNtNtNtB6_9scheduler14current_thread6HandleEEBS_",
            "tokio::runtime::task::raw::poll<tk::handle::{async_fn_env#0}, alloc::sync::Arc<tokio::runtime::Handle>>",
        ],
        "tokio::runtime::task::raw::poll",
    );
}

#[test]
fn drop_glue() {
    check(
        &[
            "_ZN4core3ptr29drop_in_place$LT$tk..Item$GT$17h4fca48c3f3e882b2E",
            "_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeNtCs6EtWrFVRDyB_2tk4ItemEBI_",
        ],
        "core::ptr::drop_in_place",
    );
}

#[test]
fn inherent_method() {
    check(
        &[
            "_ZN5alloc3vec16Vec$LT$T$C$A$GT$4push17h00ad3ed819f21951E",
            "_RNvMsF_NtCslNYArtu3iFV_5alloc3vecINtB5_3VecyE4pushCs6EtWrFVRDyB_2tk",
            "alloc::vec::Vec<T,A>::push",
            "<alloc::vec::Vec<u64>>::push",
            "<alloc::vec::Vec<u64, alloc::alloc::Global>>::push",
        ],
        "alloc::vec::Vec<_>::push",
    );
}

#[test]
fn inherent_method_with_type_arguments() {
    check(
        &[
            "_ZN3std6thread5local17LocalKey$LT$T$GT$4with17h12d82df366e15fe9E",
            "_RINvMs2_NtNtCsjrHSEGnQ3l9_3std6thread5localINtB6_8LocalKeyNtNtNtCsaiRdNWFWvSB_5tokio7runtime7context7ContextE4withNCNvBW_12thread_rng_n0mEB10_",
        ],
        "std::thread::local::LocalKey<_>::with",
    );
}

#[test]
fn impl_in_another_module() {
    check(
        &[
            "_ZN5alloc11collections5btree6search142_$LT$impl$u20$alloc..collections..btree..node..NodeRef$LT$BorrowType$C$K$C$V$C$alloc..collections..btree..node..marker..LeafOrInternal$GT$$GT$11search_tree17h27a7038b9a83270dE",
            "_RINvMs_NtNtNtCslNYArtu3iFV_5alloc11collections5btree6searchINtNtB7_4node7NodeRefNtNtBY_6marker3MutNtNtBb_6string6StringdNtB1i_14LeafOrInternalE11search_treeB1y_ECs6EtWrFVRDyB_2tk",
        ],
        "alloc::collections::btree::node::NodeRef<_>::search_tree",
    );
}

#[test]
fn impl_for_a_slice() {
    check(
        &[
            "_ZN5alloc5slice29_$LT$impl$u20$$u5b$T$u5d$$GT$7sort_by17h4129211dec4be1a0E",
            "_RINvMNtCslNYArtu3iFV_5alloc5sliceSNtNtNtCsj5Ad4yrFYra_12aho_corasick4util10primitives9PatternID7sort_byNCNvMNtNtBC_6packed7patternNtB1I_8Patterns14set_match_kind0EBC_",
            "alloc::slice::<impl [T]>::sort_by",
        ],
        "<[_]>::sort_by",
    );
}

#[test]
fn impl_for_a_primitive_type() {
    check(
        &[
            "_RNvMs7_NtCsgEmfK2I1SDS_4core3numy11rotate_left",
            "core::num::<impl u64>::rotate_left",
            "<u64>::rotate_left",
        ],
        "u64::rotate_left",
    );
    check(&["core::str::<impl str>::trim", "<str>::trim"], "str::trim");
}

#[test]
fn impl_for_a_pointer() {
    check(
        &[
            "_ZN4core3ptr7mut_ptr31_$LT$impl$u20$$BP$mut$u20$T$GT$6offset18precondition_check17ha24c01905c41140dE",
            "_RNvNvMNtNtCsgEmfK2I1SDS_4core3ptr7mut_ptrOp6offset18precondition_checkCsaBWiz7toH4N_10rayon_core",
        ],
        "<*mut _>::offset::precondition_check",
    );
}

#[test]
fn impl_for_a_trait_object() {
    check(
        &[
            "_ZN54_$LT$dyn$u20$core..any..Any$u2b$core..marker..Send$GT$12downcast_ref17h5e7a1389de24cc4bE",
            "_RINvMs3_NtCsgEmfK2I1SDS_4core3anyDNtB6_3AnyNtNtB8_6marker4SendEL_12downcast_refReECsaiRdNWFWvSB_5tokio",
        ],
        "<dyn core::any::Any + core::marker::Send>::downcast_ref",
    );
    check(
        &[
            "_ZN131_$LT$dyn$u20$core..ops..function..Fn$LT$$LP$$RP$$GT$$u2b$Output$u20$$u3d$$u20$u64$u2b$core..marker..Send$u20$as$u20$a..svc..Run$GT$2go17h1afb32cbe424817aE",
            "<dyn core::ops::function::Fn<(), Output = u64> + core::marker::Send as a::svc::Run>::go",
        ],
        "<dyn core::ops::function::Fn<_> + core::marker::Send as a::svc::Run>::go",
    );
}

#[test]
fn trait_method() {
    check(
        &[
            "_ZN70_$LT$alloc..vec..Vec$LT$T$C$A$GT$$u20$as$u20$core..ops..drop..Drop$GT$4drop17h033c30c3f3b33420E",
            "_RNvXso_NtCslNYArtu3iFV_5alloc3vecINtB5_3VecyENtNtNtCsgEmfK2I1SDS_4core3ops4drop4Drop4dropCs6EtWrFVRDyB_2tk",
            "<alloc::vec::Vec<T,A> as core::ops::drop::Drop>::drop",
        ],
        "<alloc::vec::Vec<_> as core::ops::drop::Drop>::drop",
    );
}

#[test]
fn trait_method_in_another_module() {
    check(
        &[
            "_ZN4core5array69_$LT$impl$u20$core..fmt..Debug$u20$for$u20$$u5b$T$u3b$$u20$N$u5d$$GT$3fmt17h16bb7024e0230a5eE",
            "_RNvXsa_NtCsgEmfK2I1SDS_4core5arrayAbj100_NtNtB7_3fmt5Debug3fmtCsifZuSELmvmW_14regex_automata",
        ],
        "<[_; _] as core::fmt::Debug>::fmt",
    );
}

#[test]
fn trait_method_for_references_and_tuples() {
    check(
        &[
            "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17hbe447098641a8023E",
            "_RNvXs1g_NtCsgEmfK2I1SDS_4core3fmtRjNtB6_5Debug3fmtB8_",
            "<&'a usize as core::fmt::Debug>::fmt",
        ],
        "<&_ as core::fmt::Debug>::fmt",
    );
    check(
        &[
            "_ZN50_$LT$$LP$U$C$T$RP$$u20$as$u20$core..fmt..Debug$GT$3fmt17h000e3802cf685bb4E",
            "_RNvXs1G_NtCsgEmfK2I1SDS_4core3fmtTjNtNtNtCsj5Ad4yrFYra_12aho_corasick4util10primitives9PatternIDENtB6_5Debug3fmtBD_",
        ],
        "<(_) as core::fmt::Debug>::fmt",
    );
    check(
        &[
            "_ZN61_$LT$fn$LP$A$RP$$u20$.$GT$$u20$u64$u20$as$u20$a..svc..Run$GT$2go17hf0257737f5eb7e46E",
            "<fn(u8) -> u64 as a::svc::Run>::go",
            "<extern \"C\" fn(u8) -> u64 as a::svc::Run>::go",
        ],
        "<fn(_) as a::svc::Run>::go",
    );
}

/// The trait's own code: legacy symbols do not say for which type it was compiled.
#[test]
fn provided_method() {
    check(
        &[
            "_ZN4core4iter6traits8iterator8Iterator4fold17h1dbee2ebc0d4ca37E",
            "_RINvYNtNtNtCsgEmfK2I1SDS_4core3str4iter5LinesNtNtNtNtB9_4iter6traits8iterator8Iterator4foldjNCNvYB3_BH_5count0ECsdeV4u2qF0X5_12regex_syntax",
        ],
        "core::iter::traits::iterator::Iterator::fold",
    );
    check(
        &[
            "_ZN10serde_core3ser12SerializeMap15serialize_entry17h853f25c3a0f2ababE",
            "_RINvYINtNtCsasKgfFdrROH_10serde_json3ser8CompoundQINtNtCslNYArtu3iFV_5alloc3vec3VechENtB6_16CompactFormatterENtNtCs7b5IoJT13If_10serde_core3ser12SerializeMap15serialize_entryeyECs6EtWrFVRDyB_2tk",
        ],
        "serde_core::ser::SerializeMap::serialize_entry",
    );
}

/// Impls for every type: legacy symbols say `T`, v0 symbols what it stands for.
#[test]
fn blanket_impls() {
    check(
        &[
            "_ZN50_$LT$T$u20$as$u20$core..convert..Into$LT$U$GT$$GT$4into17h028cbf0a481c7aa0E",
            "_RNvXs1_NtCsgEmfK2I1SDS_4core7convertmINtB5_4IntoyE4intoCs435vr3EEej9_4zmij",
        ],
        "<_ as core::convert::Into>::into",
    );
    check(
        &[
            "_ZN62_$LT$T$u20$as$u20$alloc..vec..spec_from_elem..SpecFromElem$GT$9from_elem17h20b689c47615c39dE",
            "_RINvXs_NtNtCslNYArtu3iFV_5alloc3vec14spec_from_elembNtB5_12SpecFromElem9from_elemNtNtB9_5alloc6GlobalECsj5Ad4yrFYra_12aho_corasick",
        ],
        "<_ as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
    );
    check(
        &[
            "_ZN63_$LT$I$u20$as$u20$core..iter..traits..collect..IntoIterator$GT$9into_iter17h002dce6dad980d12E",
            "_RNvXNtNtNtCsgEmfK2I1SDS_4core4iter6traits7collectINtNtNtB8_3ops5range5RangeyENtB2_12IntoIterator9into_iterCs6EtWrFVRDyB_2tk",
        ],
        "<_ as core::iter::traits::collect::IntoIterator>::into_iter",
    );
}

/// But an impl for one type keeps it.
#[test]
fn impl_of_a_trait_that_also_has_a_blanket_impl() {
    check(
        &["<alloc::vec::Vec<T,A> as core::iter::traits::collect::IntoIterator>::into_iter"],
        "<alloc::vec::Vec<_> as core::iter::traits::collect::IntoIterator>::into_iter",
    );
}

#[test]
fn closure() {
    check(
        &[
            "_ZN5tokio7runtime4task4core17Core$LT$T$C$S$GT$4poll28_$u7b$$u7b$closure$u7d$$u7d$17h3173a2ee6b25529eE",
            "_RNCNvMs4_NtNtNtCsaiRdNWFWvSB_5tokio7runtime4task4coreINtB7_4CoreNCNvCs6EtWrFVRDyB_2tk6handle0INtNtCslNYArtu3iFV_5alloc4sync3ArcNtNtNtBb_9scheduler14current_thread6HandleEE4poll0B14_",
        ],
        "tokio::runtime::task::core::Core<_>::poll::{closure}",
    );
}

/// Symbols call all of them closures; DWARF tells them apart, and numbers them.
#[test]
fn async_functions_and_blocks() {
    check(
        &[
            "_ZN2tk6handle28_$u7b$$u7b$closure$u7d$$u7d$17h6ef7ace8077f6d73E",
            "_RNCNvCs6EtWrFVRDyB_2tk6handle0B3_",
            "tk::handle::{{closure}}",
            "tk::handle::{async_fn#0}",
            "tk::handle::{async_fn_env#0}",
            "tk::handle::{async_block#12}",
            "tk::handle::{async_block_env#3}<u32>",
            "tk::handle::{closure_env#1}",
            "tk::handle::{coroutine#0}",
        ],
        "tk::handle::{closure}",
    );
    check(
        &[
            "_ZN42_$LT$tk..S$LT$T$GT$$u20$as$u20$tk..Svc$GT$4call28_$u7b$$u7b$closure$u7d$$u7d$17h9177635bb0deab39E",
            "_RNCNvXCs6EtWrFVRDyB_2tkINtB4_1SmENtB4_3Svc4call0B4_",
        ],
        "<tk::S<_> as tk::Svc>::call::{closure}",
    );
}

#[test]
fn shims() {
    check(
        &[
            "_ZN4core3ops8function6FnOnce40call_once$u7b$$u7b$vtable.shim$u7d$$u7d$17h01d9c0588f95fc7dE",
            "_RNSNvYNCINvNtCsjrHSEGnQ3l9_3std2rt10lang_startuE0INtNtNtCsgEmfK2I1SDS_4core3ops8function6FnOnceuE9call_once6vtableCs6EtWrFVRDyB_2tk",
        ],
        "core::ops::function::FnOnce::call_once::{shim:vtable}",
    );
}

#[test]
fn names_from_dwarf() {
    check(&["push<u8, alloc::alloc::Global>", "push<T>"], "push");
    check(
        &["{closure#0}", "{closure_env#0}<u32>", "{async_block#1}"],
        "{closure}",
    );
    check(&["a::{impl#3}::run", "a::{impl}::run"], "a::{impl}::run");
    check(
        &["a::Of<'a>::run", "a::Of<'_>::run", "a::Of::run"],
        "a::Of::run",
    );
}

#[test]
fn what_compilers_append() {
    check(
        &[
            "memmove.cold",
            "memmove.part.0",
            "memmove.isra.0.constprop.12",
            "memmove.llvm.1234567890123456789",
            "memmove.part.0.cold",
            "memmove@@GLIBC_2.2.5",
            "memmove@plt",
            "memmove",
        ],
        "memmove",
    );
    check(
        &[
            "_RNvCs6EtWrFVRDyB_2tk6handle.llvm.8F00",
            "_ZN2tk6handle17hadadc2bae3a01886E.cold",
            "_ZN2tk6handle17hadadc2bae3a01886E.197",
            "_ZN2tk6handle17hadadc2bae3a01886E.197.cold",
            "_ZN2tk6handle17hadadc2bae3a01886E.llvm.123.4",
            "_RNvCs6EtWrFVRDyB_2tk6handle.12",
        ],
        "tk::handle",
    );
    for name in ["a.b", "x.5", ".cold", "cold", "v1.part", "a.cold.x"] {
        let expected = name.strip_suffix(".part").unwrap_or(name);
        assert_eq!(canonical_name(name), expected);
    }
}

/// Other languages are not ours to rename.
#[test]
fn cpp_and_others_stay() {
    for name in [
        "",
        "main",
        "_ZNSt6vectorIiSaIiEE9push_backERKi",
        "_ZN3foo3barEv",
        "_ZN3foo3barE",
        "std::vector<int>::push_back(int const&)",
        "operator<",
        "operator->",
        "foo::operator<<",
        "main.(*Server).Serve",
        "github.com/a/b.Func[...]",
        "java.util.HashMap.get",
        "_R",
        "_Robot",
        "[kernel]",
        "[unsampled]",
        "a::",
        "::",
        "<",
        ">",
        "<<T>",
    ] {
        assert_eq!(canonical_name(name), name);
    }
}

#[test]
fn generics_can_be_kept() {
    for (symbol, kept) in [
        (
            "_RNvMsF_NtCslNYArtu3iFV_5alloc3vecINtB5_3VecyE4pushCs6EtWrFVRDyB_2tk",
            "alloc::vec::Vec<u64>::push",
        ),
        (
            "_ZN5alloc3vec16Vec$LT$T$C$A$GT$4push17h00ad3ed819f21951E",
            "alloc::vec::Vec<T, A>::push",
        ),
        (
            "_RINvNtCsgEmfK2I1SDS_4core3ptr13drop_in_placeNtCs6EtWrFVRDyB_2tk4ItemEBI_",
            "core::ptr::drop_in_place<tk::Item>",
        ),
        (
            "_ZN4core3ptr29drop_in_place$LT$tk..Item$GT$17h4fca48c3f3e882b2E",
            "core::ptr::drop_in_place<tk::Item>",
        ),
        (
            "_RNvXs1_NtCsgEmfK2I1SDS_4core7convertmINtB5_4IntoyE4intoCs435vr3EEej9_4zmij",
            "<u32 as core::convert::Into<u64>>::into",
        ),
        (
            "<&mut (u8, [a::B; 4]) as a::C<'a, dyn a::D + 'a>>::f::{{closure}}",
            "<&mut (u8, [a::B; 4]) as a::C<dyn a::D>>::f::{closure}",
        ),
    ] {
        assert_eq!(canonical_name_with(symbol, Generics::Keep), kept);
    }
}

#[test]
fn deep_nesting_ends() {
    let deep = |n: usize| format!("{}u8{}::f", "<".repeat(n), ">".repeat(n));
    for n in [1, 30, 3000, 100_000] {
        assert!(canonical_name(&deep(n)).len() < 5000);
    }
    let types = |n: usize| format!("<{}u8{}>::f", "a::B<".repeat(n), ">".repeat(n));
    let kept = canonical_name_with(&types(1000), Generics::Keep);
    assert!(kept.contains("a::B<_>"), "{kept}");
    let references = format!("<{}u8 as A>::f", "&'a ".repeat(10_000));
    assert_eq!(canonical_name(&references), "<&_ as A>::f");
}

/// Found by fuzzing: with its hash gone nothing was left, and the frame had no name.
#[test]
fn nothing_but_a_hash() {
    for name in ["::h27e919f69ba3d4a6", "_ZN17h0123456789abcdefE"] {
        assert_eq!(canonical_name(name), name);
    }
}

#[test]
fn long_names_are_cut() {
    let long = "x".repeat(MAX_NAME_BYTES + 5);
    let cut = canonical_name(&long);
    assert_eq!(cut.len(), MAX_NAME_BYTES + '…'.len_utf8());
    let wide = "é".repeat(MAX_NAME_BYTES);
    assert!(canonical_name(&wide).ends_with("é…"));
}

#[test]
fn source_files() {
    for (path, canonical) in [
        (
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/core/src/fmt/mod.rs",
            "library/core/src/fmt/mod.rs",
        ),
        (
            "/home/u/.rustup/toolchains/stable/lib/rustlib/src/rust/library/core/src/fmt/mod.rs",
            "library/core/src/fmt/mod.rs",
        ),
        (
            "/rust/deps/hashbrown-0.15.5/src/raw/mod.rs",
            "hashbrown/src/raw/mod.rs",
        ),
        (
            "/rustc/59807616e1/vendor/hashbrown-0.15.5/src/lib.rs",
            "hashbrown/src/lib.rs",
        ),
        (
            "/home/u/.cargo/registry/src/index-6f17d22bba15001f/tokio-1.47.1/src/runtime/task/raw.rs",
            "tokio/src/runtime/task/raw.rs",
        ),
        (
            "/home/u/.cargo/registry/src/index-6f17d22bba15001f/utf-8-0.7.6/src/lib.rs",
            "utf-8/src/lib.rs",
        ),
        (
            "/home/u/.cargo/registry/src/index-6f17d22bba15001f/rand-0.10.0-beta.1+build.5/src/lib.rs",
            "rand/src/lib.rs",
        ),
        (
            "/home/u/.cargo/git/checkouts/tokio-377c595163f99a10/2a5b6c7/tokio/src/lib.rs",
            "tokio/src/lib.rs",
        ),
        (
            "/home/u/.cargo/git/checkouts/regex-377c595163f99a10/2a5b6c7/src/lib.rs",
            "regex/src/lib.rs",
        ),
        (
            "/home/u/.cargo/git/checkouts/big-377c595163f99a10/2a5b6c7/crates/small/src/a/src/b.rs",
            "small/src/a/src/b.rs",
        ),
        ("/build/app/vendor/tokio/src/lib.rs", "tokio/src/lib.rs"),
        (
            "/build/app/vendor/tokio-1.47.1/src/lib.rs",
            "tokio/src/lib.rs",
        ),
        (
            "/build/vendor/zlib/deflate.c",
            "/build/vendor/zlib/deflate.c",
        ),
        (
            "./string/../sysdeps/x86_64/memmove.S",
            "sysdeps/x86_64/memmove.S",
        ),
        ("/a/./b//c.rs", "/a/b/c.rs"),
        ("../../x.rs", "../../x.rs"),
        ("/../x.rs", "/../x.rs"),
        ("src/main.rs", "src/main.rs"),
        ("", ""),
        ("/", ""),
    ] {
        assert_eq!(canonical_path(path), canonical, "from {path}");
        assert_eq!(canonical_path(canonical), canonical, "a second time");
    }
}
