//! `hotpoll diff BASE… -- NEW…`: did it get worse, as a person, a pipeline and a browser are told.
//!
//! In: runs of two builds (`sides` finds them, `load` reads them, `baseline` keeps and finds old ones) and the arguments. The crate
//! `hotpoll-compare` says what can be said of them; here stands how it is said. `report` is the value that every format is a pure function of;
//! `headline` has the verdict in words and `words` the sentences that all of them share. Formats: `text`, `markdown`, `data` (JSON), `junit`,
//! `sarif`, `github`, `folded`, `svg`, `html`.

mod arguments;
mod command;
mod data;
mod fold;
mod folded;
mod format;
mod github;
mod headline;
mod html;
mod junit;
mod layout;
pub mod load;
mod markdown;
mod output;
mod place;
mod report;
mod sarif;
mod separator;
pub mod sides;
mod svg;
pub mod text;
mod waivers;
mod words;

pub mod baseline;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use command::{DiffArgs, run};
pub use separator::separate;
