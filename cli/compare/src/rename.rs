//! Functions that have another name in the new build: what was written, found among the names that occur.

use crate::named::{did_you_mean, means, near};
use crate::{Notice, Options, Run};
use std::collections::BTreeSet;

/// Puts full names in the place of what was written, where one function alone is meant; says which renames are of nothing.
pub(crate) fn resolve(base: &[Run], new: &[Run], options: &mut Options, notices: &mut Vec<Notice>) {
    if options.renames.is_empty() {
        return;
    }
    let names = |runs: &'_ [Run]| -> BTreeSet<String> {
        let keys = runs.iter().flat_map(|run| &run.keys);
        keys.map(|key| key.name.clone()).collect()
    };
    let sides = [("base", names(base)), ("new build", names(new))];
    for (old, new) in &mut options.renames {
        let written = format!("{old}={new}");
        for ((side, names), name) in sides.iter().zip([old, new]) {
            match only(names, name) {
                Ok(full) => full.clone_into(name),
                Err(why) => notices.push(Notice {
                    text: format!("--rename {written} does nothing: {why} in the {side}"),
                }),
            }
        }
    }
}

/// The function that is meant, or why it is none.
fn only<'a>(names: &'a BTreeSet<String>, written: &str) -> Result<&'a str, String> {
    if let Some(name) = names.get(written) {
        return Ok(name);
    }
    let mut meant = names.iter().filter(|name| means(name, written));
    match (meant.next(), meant.next()) {
        (Some(name), None) => Ok(name),
        (Some(one), Some(other)) => Err(format!("{written} may be {one} or {other}")),
        (None, _) => {
            let near = did_you_mean(&near(names.iter().map(String::as_str), written));
            Err(format!("nothing is called {written}{near}"))
        }
    }
}
