//! `hotpoll completions SHELL` and `hotpoll man`: made from the definition of the command line, so that they cannot disagree with it.

use crate::command_line::CommandLine;
use crate::exit::{self, FINE, Failure, Outcome};
use crate::text::terminal;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::path::PathBuf;

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  hotpoll completions bash > /etc/bash_completion.d/hotpoll
  hotpoll completions zsh > ~/.zfunc/_hotpoll
  hotpoll completions fish > ~/.config/fish/completions/hotpoll.fish";

/// Write the completions of a shell to standard output
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES, after_long_help = format!("{COMPLETIONS_EXAMPLES}\n\n{}", exit::TABLE))]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const MAN_EXAMPLES: &str = "\
Examples:
  hotpoll man | man -l -
  hotpoll man ~/.local/share/man/man1";

/// Write the man pages: hotpoll(1) to standard output, or a page for each command into a folder
#[derive(Debug, Args)]
#[command(after_help = MAN_EXAMPLES, after_long_help = format!("{MAN_EXAMPLES}\n\n{}", exit::TABLE))]
pub struct ManArgs {
    /// The folder; it is created where it is missing
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes the completions of a shell.
pub fn run_completions(args: &CompletionsArgs) -> Outcome {
    let mut command = CommandLine::command();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "hotpoll", &mut script);
    terminal::print_bytes(&script)?;
    Ok(FINE)
}

/// Writes the man pages.
pub fn run_man(args: &ManArgs) -> Outcome {
    let command = CommandLine::command();
    match &args.folder {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            terminal::print_bytes(&page)?;
        }
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .map_err(|error| Failure::writing(folder, &error))?;
            let folder = folder.display();
            terminal::say(&format!(
                "The man pages are in {folder}: hotpoll.1 and one for each command."
            ));
        }
    }
    Ok(FINE)
}
