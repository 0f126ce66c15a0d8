//! The arguments that every question takes: `--json FILE`, and `--quick` for a run that only shows that it works.

use std::path::PathBuf;

/// The arguments.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Where to write the figures besides standard output.
    pub json: Option<PathBuf>,
    /// Few rounds: figures to look at, not to quote.
    pub quick: bool,
}

impl Arguments {
    /// Reads the arguments, or says what they are and ends.
    pub fn parse() -> Self {
        let mut parsed = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => parsed.quick = true,
                "--json" => match args.next() {
                    Some(file) => parsed.json = Some(file.into()),
                    None => usage("--json wants a file"),
                },
                other => usage(&format!("there is no argument {other:?}")),
            }
        }
        parsed
    }
}

fn usage(sentence: &str) -> ! {
    eprintln!("{sentence}\nusage: [--json FILE] [--quick]");
    std::process::exit(2)
}
