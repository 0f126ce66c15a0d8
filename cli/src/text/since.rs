//! How long something has been held, and how that is known: told everywhere in the same words.

use super::number::compact;
use hotpoll_profile::Since;

/// A word for how it is known since when something is held; in JSON, too.
pub fn label(since: Since) -> &'static str {
    match since {
        Since::Exact => "exact",
        Since::AtLeast => "at least",
        Since::Sampled => "sampled",
        Since::Unknown => "unknown",
    }
}

/// `1.20s`, `at least 1.20s` since the first waiter came, `at least 1.20s, sampled` since a look found it; nothing where it is not known. `since` is a [`label`].
pub fn in_words(ns: u64, since: &str) -> Option<String> {
    let ns = compact(ns);
    match since {
        "exact" => Some(ns),
        "at least" => Some(format!("at least {ns}")),
        "sampled" => Some(format!("at least {ns}, sampled")),
        _ => None,
    }
}

/// The same for a narrow column: `1.20s`, `≥1.20s`, `~1.20s` (sampled).
pub fn in_a_column(ns: u64, since: Since) -> String {
    match since {
        Since::Exact => compact(ns),
        Since::AtLeast => format!("≥{}", compact(ns)),
        Since::Sampled => format!("~{}", compact(ns)),
        Since::Unknown => "held".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_how_it_is_known() {
        let told = |since| {
            let words = in_words(1_200_000_000, label(since)).unwrap_or_default();
            (words, in_a_column(1_200_000_000, since))
        };
        let all: Vec<_> = Since::ALL.iter().map(|since| told(*since)).collect();
        let expected = [
            ("1.20s", "1.20s"),
            ("at least 1.20s", "≥1.20s"),
            ("at least 1.20s, sampled", "~1.20s"),
            ("", "held"),
        ];
        assert_eq!(all, expected.map(|(one, other)| (one.into(), other.into())));
    }
}
