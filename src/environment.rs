//! What the environment asks for.

use crate::{Builder, Engine, StartError};
use std::ffi::OsString;

/// Whether to run at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

/// The variables, understood. `None` leaves the decision to the program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    pub switch: Option<Switch>,
    pub hz: Option<u32>,
    pub wall_hz: Option<u32>,
    pub long_poll_ms: Option<u32>,
    pub signal_sleepers: Option<bool>,
    pub engine: Option<Engine>,
    pub output: Option<OsString>,
    pub dump: Option<OsString>,
    pub dump_stuck_ms: Option<u64>,
}

/// The highest rate that can be asked for.
const GREATEST_HZ: u32 = 10_000;
/// The longest threshold that can be asked for.
const GREATEST_LONG_POLL_MS: u32 = 60_000;

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Result<Self, StartError> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, StartError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let switch = choose(
            "HOTPOLL",
            set("HOTPOLL"),
            "on or off",
            |value| match value {
                "on" => Some(Switch::On),
                "off" => Some(Switch::Off),
                _ => None,
            },
        )?;
        if switch == Some(Switch::Off) {
            // Off is off: nothing else is looked at, so that nothing else can be wrong.
            return Ok(Self {
                switch,
                ..Self::default()
            });
        }
        if set("HOTPOLL_DUMP").is_none()
            && let Some(value) = set("HOTPOLL_DUMP_STUCK_MS")
        {
            // It says when, and nothing says where: there would never be a dump, and no word about it.
            return Err(StartError::Variable {
                name: "HOTPOLL_DUMP_STUCK_MS",
                value: value.to_string_lossy().into_owned(),
                valid: "a whole number of milliseconds beside HOTPOLL_DUMP=name-%p.pb.gz, which says where",
            });
        }
        Ok(Self {
            switch,
            hz: choose(
                "HOTPOLL_HZ",
                set("HOTPOLL_HZ"),
                "a whole number from 1 to 10000 (99 is the default)",
                |value| {
                    value
                        .parse()
                        .ok()
                        .filter(|hz| (1..=GREATEST_HZ).contains(hz))
                },
            )?,
            wall_hz: choose(
                "HOTPOLL_WALL_HZ",
                set("HOTPOLL_WALL_HZ"),
                "a whole number from 1 to 1000, or 0 for no looks by the wall clock (20 is the default)",
                |value| {
                    value
                        .parse()
                        .ok()
                        .filter(|hz| *hz <= Builder::GREATEST_WALL_HZ)
                },
            )?,
            long_poll_ms: choose(
                "HOTPOLL_LONG_POLL_MS",
                set("HOTPOLL_LONG_POLL_MS"),
                "a whole number of milliseconds from 1 to 60000, or 0 for no watch (10 is the default)",
                |value| value.parse().ok().filter(|ms| *ms <= GREATEST_LONG_POLL_MS),
            )?,
            signal_sleepers: choose(
                "HOTPOLL_SIGNAL_SLEEPERS",
                set("HOTPOLL_SIGNAL_SLEEPERS"),
                "on or off (off is the default: a sleeping thread's system call may return EINTR)",
                |value| match value {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => None,
                },
            )?,
            engine: choose(
                "HOTPOLL_ENGINE",
                set("HOTPOLL_ENGINE"),
                "auto, ctimer or perf",
                |value| {
                    let engines = [Engine::Auto, Engine::Ctimer, Engine::Perf];
                    engines.into_iter().find(|engine| engine.name() == value)
                },
            )?,
            output: set("HOTPOLL_OUT"),
            dump: set("HOTPOLL_DUMP"),
            dump_stuck_ms: choose(
                "HOTPOLL_DUMP_STUCK_MS",
                set("HOTPOLL_DUMP_STUCK_MS"),
                "a whole number of milliseconds above 0, beside HOTPOLL_DUMP",
                |value| value.parse().ok().filter(|ms| *ms > 0),
            )?,
        })
    }

    /// Whether this asks for a start where the program starts only if asked.
    pub fn asks(&self) -> bool {
        self.switch == Some(Switch::On) || self.output.is_some() || self.dump.is_some()
    }
}

fn choose<T>(
    name: &'static str,
    value: Option<OsString>,
    valid: &'static str,
    meaning: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StartError> {
    let Some(value) = value else { return Ok(None) };
    match value.to_str().and_then(meaning) {
        Some(meaning) => Ok(Some(meaning)),
        None => Err(StartError::Variable {
            name,
            value: value.to_string_lossy().into_owned(),
            valid,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment, StartError> {
        Environment::from_variables(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    fn refused(variables: &[(&str, &str)], sentence: &str) {
        let error = read(variables).expect_err("the value means nothing");
        assert_eq!(error.to_string(), sentence);
    }

    #[test]
    fn nothing_set_leaves_it_to_the_program() {
        let environment = read(&[]).unwrap();
        assert_eq!(environment, Environment::default());
        assert!(!environment.asks());
    }

    #[test]
    fn empty_counts_as_not_set() {
        let variables = [("HOTPOLL", ""), ("HOTPOLL_HZ", ""), ("HOTPOLL_OUT", "")];
        assert_eq!(read(&variables).unwrap(), Environment::default());
    }

    #[test]
    fn all_set() {
        let environment = read(&[
            ("HOTPOLL", "on"),
            ("HOTPOLL_HZ", "997"),
            ("HOTPOLL_WALL_HZ", "0"),
            ("HOTPOLL_LONG_POLL_MS", "25"),
            ("HOTPOLL_SIGNAL_SLEEPERS", "on"),
            ("HOTPOLL_ENGINE", "perf"),
            ("HOTPOLL_OUT", "x-%p.pb.gz"),
            ("HOTPOLL_DUMP", "dump-%p.pb.gz"),
            ("HOTPOLL_DUMP_STUCK_MS", "500"),
        ]);
        let expected = Environment {
            switch: Some(Switch::On),
            hz: Some(997),
            wall_hz: Some(0),
            long_poll_ms: Some(25),
            signal_sleepers: Some(true),
            engine: Some(Engine::Perf),
            output: Some("x-%p.pb.gz".into()),
            dump: Some("dump-%p.pb.gz".into()),
            dump_stuck_ms: Some(500),
        };
        assert_eq!(environment.unwrap(), expected);
    }

    #[test]
    fn a_file_asks_and_off_does_not() {
        assert!(read(&[("HOTPOLL_OUT", "x")]).unwrap().asks());
        assert!(read(&[("HOTPOLL_DUMP", "x")]).unwrap().asks());
        assert!(read(&[("HOTPOLL", "on")]).unwrap().asks());
        assert!(
            !read(&[("HOTPOLL", "off"), ("HOTPOLL_OUT", "x")])
                .unwrap()
                .asks()
        );
        assert!(!read(&[("HOTPOLL_HZ", "99")]).unwrap().asks());
    }

    #[test]
    fn when_to_dump_says_not_where() {
        refused(
            &[("HOTPOLL_DUMP_STUCK_MS", "500")],
            "HOTPOLL_DUMP_STUCK_MS=500 means nothing: set it to a whole number of milliseconds beside HOTPOLL_DUMP=name-%p.pb.gz, which says where, or leave it out",
        );
    }

    #[test]
    fn off_looks_at_nothing_else() {
        let environment = read(&[("HOTPOLL", "off"), ("HOTPOLL_HZ", "junk")]).unwrap();
        assert_eq!(environment.switch, Some(Switch::Off));
    }

    #[test]
    fn errors_name_the_variable_and_its_values() {
        refused(
            &[("HOTPOLL", "yes")],
            "HOTPOLL=yes means nothing: set it to on or off, or leave it out",
        );
        for value in ["0", "10001", "1e9", "-1", "99.5", "fast"] {
            refused(
                &[("HOTPOLL_HZ", value)],
                &format!(
                    "HOTPOLL_HZ={value} means nothing: set it to a whole number from 1 to 10000 (99 is the default), or leave it out"
                ),
            );
        }
        refused(
            &[("HOTPOLL_ENGINE", "itimer")],
            "HOTPOLL_ENGINE=itimer means nothing: set it to auto, ctimer or perf, or leave it out",
        );
    }
}
