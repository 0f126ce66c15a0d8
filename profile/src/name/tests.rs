//! Real symbols, each in the spellings that it has come in.

use super::*;

/// All of `spellings` have one canonical name.
fn check(spellings: &[&str], canonical: &str) {
    for spelling in spellings {
        assert_eq!(canonical_name(spelling), canonical, "from {spelling}");
    }
    assert_eq!(canonical_name(canonical), canonical, "again");
}

#[test]
fn inherent_method() {
    check(
        &[
            "_ZN1a3svc18Store$LT$K$C$V$GT$3put17h8b547155e6060281E",
            "_ZN1a3svc18Store$LT$K$C$V$GT$3put17h8b547155e6060281E.llvm.1234567890",
            "a::svc::Store<K,V>::put::h8b547155e6060281",
            "a::svc::Store<K,V>::put",
            "<a::svc::Store<u32, alloc::string::String>>::put",
        ],
        "a::svc::Store<_>::put",
    );
}

#[test]
fn closure() {
    check(
        &[
            "_ZN1a3svc18Store$LT$K$C$V$GT$4each28_$u7b$$u7b$closure$u7d$$u7d$17hb5ee1abba414e66eE",
            "<a::svc::Store<u32, alloc::string::String>>::each::<a::main::{closure#0}>::{closure#0}",
        ],
        "a::svc::Store<_>::each::{closure}",
    );
}
