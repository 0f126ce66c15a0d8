//! inferno's diff: two files of folded stacks in, one with both columns out, the first scaled to the second's total. What `inferno-diff-folded -n` does.
//!
//! `diff_folded BASE NEW`

use inferno::differential::{Options, from_files};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [base, new] = files.as_slice() else {
        return Err("usage: diff_folded BASE NEW".into());
    };
    let options = Options {
        normalize: true,
        ..Options::default()
    };
    Ok(from_files(options, base, new, std::io::stdout().lock())?)
}
