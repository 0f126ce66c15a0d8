//! `hotpoll symbolize`: names for a profile that was taken without symbols, from the binary that ran.

use crate::exit::{self, FINE, Failure, Outcome};
use crate::export::text::printable;
use crate::profile_file;
use crate::source;
use crate::text::number::count;
use crate::text::terminal;
use clap::Args;
use hotpoll_symbolizer::symbolize::Summary;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  hotpoll symbolize shop.pb.gz --binary target/release/shop
  hotpoll symbolize shop.pb.gz --binary shop.debug -o named.pb.gz";

/// Name the addresses of a profile that was taken without symbols
///
/// Takes each binary for the module with its build ID, and looks for separate debug files by build ID and .gnu_debuglink.
/// Names that are there already stay, but those of the named binaries' modules.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", exit::TABLE))]
pub struct SymbolizeArgs {
    /// The profile
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The binary that ran, or its separate debug file; may be repeated
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
    /// Where to write it; the profile itself by default
    #[arg(long, short, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Carries the command out.
pub fn run(args: &SymbolizeArgs) -> Outcome {
    for binary in &args.binary {
        std::fs::File::open(binary)
            .map_err(|error| Failure::new(format!("cannot read {}: {error}", binary.display())))?;
    }
    let mut profile = source::read(&args.file)?;
    let summary = source::name(&mut profile, None, &args.binary);
    let output = args.output.as_ref().unwrap_or(&args.file);
    profile_file::write(output, &profile)?;
    terminal::print(&told(&summary))?;
    Ok(FINE)
}

/// What was found, a line for each module.
fn told(summary: &Summary) -> String {
    let mut text = String::new();
    for module in &summary.modules {
        let all = module.addresses as u64;
        text += &format!(
            "{}: {} of {} addresses named, {} with lines ({})\n",
            printable(&module.path),
            count(module.named as u64),
            count(all),
            count(module.with_lines as u64),
            module.source.as_str()
        );
        if let Some(hint) = &module.hint {
            text += &format!("  {}\n", printable(hint));
        }
    }
    if text.is_empty() {
        text += "Every address had its name already.\n";
    }
    text
}
