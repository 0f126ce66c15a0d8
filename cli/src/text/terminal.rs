//! Where the command's output goes.

use std::io::{self, IsTerminal, Write};

/// Columns where no terminal says how many: a pipe into `grep` wants whole names more than it minds long lines.
const COLUMNS_WITHOUT_TERMINAL: usize = 120;
/// Fewer than this cannot hold a table.
const FEWEST_COLUMNS: usize = 60;

/// Columns to write for: `COLUMNS` where it is set, else the terminal's.
pub fn columns() -> usize {
    let set = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse::<usize>().ok());
    let columns = set.or_else(|| Some(usize::from(terminal_size::terminal_size()?.0.0)));
    columns
        .unwrap_or(COLUMNS_WITHOUT_TERMINAL)
        .max(FEWEST_COLUMNS)
}

/// Whether a person is likely to see what goes to standard output.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether the terminal says of itself that it can do nothing but write lines.
pub fn is_dumb() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    term.is_empty() || term == "dumb"
}

/// Whether standard output is to have colours (`NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`).
pub fn is_colored() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Writes to standard output, with colours only where they belong (a terminal, `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE`).
/// A reader that has seen enough (`hotpoll report | head`) is no failure.
pub fn print(text: &str) -> io::Result<()> {
    print_on(text).map(|_| ())
}

/// As [`print()`], and says whether somebody still reads.
pub fn print_on(text: &str) -> io::Result<bool> {
    let stdout = anstream::AutoStream::auto(io::stdout().lock());
    write_on(stdout, text.as_bytes())
}

/// Writes bytes that are for another program, exactly as they are.
pub fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    write_on(io::stdout().lock(), bytes).map(|_| ())
}

fn write_on(mut output: impl Write, bytes: &[u8]) -> io::Result<bool> {
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}

/// Draws over what was drawn before: home, each line cleared to its end, then everything below. Clearing the screen first would
/// make it flicker. What does not fit the terminal is cut off.
pub fn redraw(text: &str) -> io::Result<bool> {
    let text = match anstream::AutoStream::choice(&io::stdout()) {
        anstream::ColorChoice::Never => super::style::plain(text),
        _ => text.to_owned(),
    };
    let lines = terminal_size::terminal_size().map_or(usize::MAX, |(_, lines)| lines.0.into());
    let shown: Vec<&str> = text.lines().take(lines.saturating_sub(1)).collect();
    let screen = format!("\x1b[H{}\x1b[K\n\x1b[J", shown.join("\x1b[K\n"));
    write_on(io::stdout().lock(), screen.as_bytes())
}

/// Writes a line for the person to standard error; there is nobody to tell when that fails.
pub fn say(text: &str) {
    let mut stderr = anstream::AutoStream::auto(io::stderr().lock());
    let _ = writeln!(stderr, "{text}");
}
