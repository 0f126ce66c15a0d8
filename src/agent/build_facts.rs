//! What this crate was built with, and so most likely the program: as far as a finished file does not say it (`symbolizer/src/symbolize/build_facts.rs` reads the
//! rest there).

use hotpoll_profile::Fact;

/// What is known; what is not is not there.
pub(super) fn facts() -> Vec<Fact> {
    let known = [
        ("opt-level", env!("HOTPOLL_OPT_LEVEL")),
        ("debug-assertions", on(cfg!(debug_assertions))),
        (
            "panic",
            if cfg!(panic = "abort") {
                "abort"
            } else {
                "unwind"
            },
        ),
        ("target-cpu", target_cpu()),
    ];
    let known = known.into_iter();
    known
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| Fact::new(key, value))
        .collect()
}

fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// The level of x86-64 whose instructions the compiler may use: `-C target-cpu=native` is one of them.
fn target_cpu() -> &'static str {
    if !cfg!(target_arch = "x86_64") {
        ""
    } else if cfg!(target_feature = "avx512f") {
        "x86-64-v4"
    } else if cfg!(all(
        target_feature = "avx2",
        target_feature = "bmi2",
        target_feature = "fma"
    )) {
        "x86-64-v3"
    } else if cfg!(all(target_feature = "sse4.2", target_feature = "popcnt")) {
        "x86-64-v2"
    } else {
        "x86-64"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_this_test() {
        let facts = facts();
        let value = |key: &str| {
            let fact = facts.iter().find(|fact| fact.key == key);
            fact.map(|fact| fact.value.as_str())
        };
        let level = value("opt-level").expect("a level");
        assert!(["0", "1", "2", "3", "s", "z"].contains(&level), "{level}");
        let assertions = if cfg!(debug_assertions) { "on" } else { "off" };
        assert_eq!(value("debug-assertions"), Some(assertions));
        assert!(value("target-cpu").is_some_and(|level| level.starts_with("x86-64")));
    }
}
