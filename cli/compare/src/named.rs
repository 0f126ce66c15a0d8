//! What is meant by a name that somebody wrote into a budget or a waiver.

/// What the total is called there.
pub(crate) const TOTAL: &str = "total";

/// Whether a name is meant by what somebody wrote: all of it, or its last parts.
pub(crate) fn means(name: &str, written: &str) -> bool {
    let before = name.strip_suffix(written);
    !written.is_empty() && before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_by_their_end() {
        assert!(means("shop::json::parse", "parse"));
        assert!(means("shop::json::parse", "json::parse"));
        assert!(means("parse", "parse"));
        assert!(!means("shop::json::reparse", "parse"));
        assert!(!means("shop::json::parse", ""));
    }
}
