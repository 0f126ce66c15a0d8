//! The `--` between base and new build.
//!
//! For most commands nothing behind `--` is an option. Here it stands between two lists, and people write options behind the second one, where they would be
//! taken for names of runs. So it is taken out before anybody else reads the command line, and what stood before it is counted.

use crate::command_line::{Command, CommandLine};
use clap::Parser;
use std::ffi::OsString;

/// The hidden option that says how many runs stood before `--`.
pub const BEFORE: &str = "--runs-before-separator";

/// The command line without the `--` of `hotpoll diff`; any other as it is.
pub fn separate(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_none_or(|command| command != "diff") {
        return arguments;
    }
    let Some(at) = arguments.iter().position(|argument| argument == "--") else {
        return arguments;
    };
    let runs = match CommandLine::try_parse_from(&arguments[..at]) {
        Ok(CommandLine {
            command: Command::Diff(args),
        }) => args.runs.len(),
        // What is wrong with it is said by whoever reads all of it.
        _ => return arguments,
    };
    arguments[at] = format!("{BEFORE}={runs}").into();
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, base: &[&str], new: &[&str]) {
        let arguments = command.split(' ').map(OsString::from).collect();
        let parsed = CommandLine::try_parse_from(separate(arguments)).unwrap();
        let Command::Diff(args) = parsed.command else {
            panic!("{command} is another command");
        };
        let before = args.runs_before_separator.unwrap();
        assert_eq!(args.runs[..before], *base, "{command}");
        assert_eq!(args.runs[before..], *new, "{command}");
    }

    #[test]
    fn options_may_stand_anywhere() {
        check("hotpoll diff a b -- c", &["a", "b"], &["c"]);
        check("hotpoll diff a -- b c --all", &["a"], &["b", "c"]);
        check(
            "hotpoll diff --top 3 a -- b -o html=x c",
            &["a"],
            &["b", "c"],
        );
        check("hotpoll diff -- b --baseline x", &[], &["b"]);
        check("hotpoll diff a --", &["a"], &[]);
    }

    #[test]
    fn other_commands_are_left_alone() {
        let record: Vec<OsString> = ["hotpoll", "record", "--", "diff", "--"]
            .map(OsString::from)
            .to_vec();
        assert_eq!(separate(record.clone()), record);
    }
}
