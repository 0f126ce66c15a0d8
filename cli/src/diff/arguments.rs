//! The arguments that are more than a word: margins, budgets, renames, outputs.

use super::format::Format;
use crate::exit::Failure;
use clap::ValueEnum;
use hotpoll_compare::{Budget, FailOn, Generics, OnInconclusive, Options};
use std::path::PathBuf;

/// What fails when it gets worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOnArg {
    /// The cost of all of it
    Total,
    /// The CPU time of a function
    Function,
    /// Time in polls, and from wake to poll, of a task kind
    Poll,
    /// Waits at a lock
    Lock,
    /// Nothing: report only
    None,
}

impl FailOnArg {
    /// As the comparison has it.
    pub fn option(self) -> Option<FailOn> {
        match self {
            Self::Total => Some(FailOn::Total),
            Self::Function => Some(FailOn::Function),
            Self::Poll => Some(FailOn::Poll),
            Self::Lock => Some(FailOn::Lock),
            Self::None => None,
        }
    }
}

/// What an inconclusive comparison means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnInconclusiveArg {
    /// It passes, and says so on top
    #[default]
    Pass,
    /// It fails: exit code 3
    Fail,
    /// `hotpoll bench` makes more runs, and compares again; of files it fails and says how many to record
    Rerun,
}

impl From<OnInconclusiveArg> for OnInconclusive {
    fn from(arg: OnInconclusiveArg) -> Self {
        match arg {
            OnInconclusiveArg::Pass => Self::Pass,
            OnInconclusiveArg::Fail => Self::Fail,
            OnInconclusiveArg::Rerun => Self::Rerun,
        }
    }
}

/// What becomes of generic arguments in names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GenericsArg {
    /// `Vec<_>::push`: all instances are one function
    #[default]
    Collapse,
    /// Each instance is a function of its own
    Keep,
}

impl From<GenericsArg> for Generics {
    fn from(arg: GenericsArg) -> Self {
        match arg {
            GenericsArg::Collapse => Self::Collapse,
            GenericsArg::Keep => Self::Keep,
        }
    }
}

/// `5%`, or `5` for the same. A small number without the sign could mean either, and is refused.
pub fn margin(text: &str) -> Result<f64, String> {
    let (number, is_signed) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim(), true),
        None => (text.trim(), false),
    };
    let percent: f64 = number.parse().map_err(|_| MARGIN.to_owned())?;
    match percent {
        p if !(0.0..=1000.0).contains(&p) => Err(MARGIN.to_owned()),
        p if p != 0.0 && p < 0.5 && !is_signed => Err(format!(
            "write the per cent sign: {p}% if you mean that little, {}% if {p} is a fraction",
            p * 100.0
        )),
        p => Ok(p / 100.0),
    }
}

const MARGIN: &str = "write a margin like 5%";

/// What has to be told for a verdict: whoever names what fails wants to know of all of it.
pub fn must_tell(given: &[FailOnArg]) -> Vec<FailOn> {
    match given {
        [] => Options::default().must_tell,
        named => named.iter().filter_map(|what| what.option()).collect(),
    }
}

/// What fails, where it is a list that makes sense.
pub fn fail_on(given: &[FailOnArg]) -> Result<Vec<FailOn>, Failure> {
    if given.len() > 1 && given.contains(&FailOnArg::None) {
        return Err(
            Failure::new("--fail-on none and something else contradict each other")
                .next("say --fail-on none alone to have a report only"),
        );
    }
    match given {
        [] => Ok(Options::default().fail_on),
        named => Ok(named.iter().filter_map(|what| what.option()).collect()),
    }
}

/// `json::parse=1.2us/request`.
pub fn budget(text: &str) -> Result<Budget, String> {
    const HOW: &str = "write a budget like 'parse=1.2us/request' or 'total=3ms'";
    // Names have `=` in them now and then (`Iterator<Item = u8>`), costs do not.
    let (function, cost) = text.rsplit_once('=').ok_or(HOW)?;
    let (cost, unit) = cost.split_once('/').unwrap_or((cost, ""));
    let cost = cost.trim();
    let ends = (cost.find(|c: char| !c.is_ascii_digit() && c != '.')).unwrap_or(cost.len());
    let (number, scale) = cost.split_at(ends);
    let scale = match scale.trim() {
        "ns" => 1.0,
        "us" | "µs" | "μs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        _ => return Err(HOW.to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| HOW.to_owned())?;
    // `1.2ms/1000 requests`
    let unit = unit.trim();
    let ends = unit.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '_'));
    let (of, unit) = match unit.split_at(ends.unwrap_or(unit.len())) {
        ("", unit) => (1.0, unit),
        (_, "") => return Err(HOW.to_owned()),
        (of, unit) => (
            of.replace('_', "").parse().map_err(|_| HOW.to_owned())?,
            unit,
        ),
    };
    let function = function.trim();
    if function.is_empty() || number <= 0.0 || of <= 0.0 {
        return Err(HOW.to_owned());
    }
    Ok(Budget {
        function: function.to_owned(),
        ns_per_unit: number * scale / of,
        unit: unit.trim().to_owned(),
    })
}

/// `old=new`: the name of a function in the base, and in the new build.
pub fn rename(text: &str) -> Result<(String, String), String> {
    let how = "write a rename like 'json::parse=json::read', base's name first";
    let (old, new) = text.split_once('=').ok_or(how)?;
    match (old.trim(), new.trim()) {
        ("", _) | (_, "") => Err(how.to_owned()),
        (old, new) => Ok((old.to_owned(), new.to_owned())),
    }
}

/// Where something is written: `FORMAT=FILE`, or a file for what `--format` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The format, where it is named.
    pub format: Option<Format>,
    /// The file.
    pub path: PathBuf,
}

/// Takes `FORMAT=FILE` apart; a name before `=` that is no format is a part of the file's.
pub fn output(text: &str) -> Result<Output, String> {
    let named = text
        .split_once('=')
        .and_then(|(format, path)| Some((Format::from_str(format, false).ok()?, path)));
    let (format, path) = match named {
        Some((format, path)) => (Some(format), path),
        None => (None, text),
    };
    if path.is_empty() {
        return Err("name a file: -o FILE, or -o html=diff.html".to_owned());
    }
    Ok(Output {
        format,
        path: path.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins() {
        assert_eq!(margin("5%"), Ok(0.05));
        assert_eq!(margin("5"), Ok(0.05));
        assert_eq!(margin("2.5 %"), Ok(0.025));
        assert_eq!(margin("0"), Ok(0.0));
        assert_eq!(margin("0.1%"), Ok(0.001));
        assert!(
            margin("0.05")
                .unwrap_err()
                .contains("5% if 0.05 is a fraction")
        );
        for wrong in ["", "%", "-5", "five", "1e9", "NaN"] {
            assert_eq!(margin(wrong), Err(MARGIN.to_owned()), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_all_or_nothing() {
        assert_eq!(fail_on(&[FailOnArg::None]), Ok(Vec::new()));
        assert_eq!(fail_on(&[]), Ok(Options::default().fail_on));
        assert_eq!(
            fail_on(&[FailOnArg::Total, FailOnArg::Lock]),
            Ok(vec![FailOn::Total, FailOn::Lock])
        );
        let refused = fail_on(&[FailOnArg::None, FailOnArg::Total]).unwrap_err();
        assert!(refused.to_string().contains("contradict"), "{refused}");
    }

    /// Nobody has to name everything to have it fail, and who does wants to know of all of it.
    #[test]
    fn who_names_something_is_told_of_it() {
        use FailOnArg::{Function, Lock, Poll, Total};
        assert_eq!(must_tell(&[]), [FailOn::Total, FailOn::Function]);
        assert_eq!(must_tell(&[Lock]), [FailOn::Lock]);
        let all = [Total, Function, Poll, Lock];
        assert_eq!(must_tell(&all), Options::default().fail_on);
        assert_eq!(must_tell(&[FailOnArg::None]), []);
    }

    #[test]
    fn budgets() {
        let check = |text, function: &str, ns_per_unit, unit: &str| {
            let expected = Budget {
                function: function.into(),
                ns_per_unit,
                unit: unit.into(),
            };
            assert_eq!(budget(text), Ok(expected));
        };
        check("parse=1.2us/request", "parse", 1_200.0, "request");
        check("total = 3 ms", "total", 3e6, "");
        check("parse=1.2us/1000 requests", "parse", 1.2, "requests");
        check("parse=1us/1_000 rows", "parse", 1.0, "rows");
        check(
            "<T as Iterator<Item = u8>>::next=5ns/row",
            "<T as Iterator<Item = u8>>::next",
            5.0,
            "row",
        );
        for wrong in [
            "parse",
            "=1us",
            "parse=1",
            "parse=us",
            "parse=0ns",
            "parse=-1us",
            "parse=1us/0 requests",
            "parse=1us/1000",
        ] {
            assert!(budget(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn outputs() {
        let check = |text: &str, format, path: &str| {
            let path = path.into();
            assert_eq!(output(text), Ok(Output { format, path }));
        };
        check("html=a.html", Some(Format::Html), "a.html");
        check("a.html", None, "a.html");
        check("dir=1/a.html", None, "dir=1/a.html");
        check("sarif=a=b", Some(Format::Sarif), "a=b");
        assert!(output("html=").is_err());
    }

    #[test]
    fn renames() {
        assert_eq!(rename("a = b"), Ok(("a".into(), "b".into())));
        assert!(rename("a").is_err() && rename("=b").is_err());
    }
}
