//! Tells the crate which optimisation it is built with: the fingerprint of a run says so, and neither the compiler's own `cfg` nor debug info does.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Another one is another profile, for which cargo runs this again.
    let level = std::env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo::rustc-env=HOTPOLL_OPT_LEVEL={level}");
}
