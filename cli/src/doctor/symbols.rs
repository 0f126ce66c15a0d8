//! How well a profile's addresses are named, module by module.

use super::Finding;
use crate::text::number::{count, percent_in_words};
use hotpoll_profile::Profile;
use hotpoll_symbolizer::symbolize::Summary;
use hotpoll_symbolizer::view::{Frames, ModuleRow, modules, weight::share};

const TOPIC: &str = "symbols";
/// How many modules are listed; the rest hardly run.
const LISTED: usize = 8;
/// Modules below this part of the samples are nobody's first concern.
const MATTERS: f64 = 0.01;
/// Names for this part of the addresses are enough.
const ENOUGH_NAMED: f64 = 0.9;

/// A finding for each module that matters.
pub fn findings(profile: &Profile, summary: &Summary) -> Vec<Finding> {
    let frames = Frames::new(profile);
    let rows = modules::modules(&frames, profile.samples.iter());
    let total: u64 = rows.iter().map(|row| row.own.cpu_ns).sum();
    if rows.is_empty() {
        return vec![Finding::note(
            TOPIC,
            "no samples yet, so nothing to name",
            "",
        )];
    }
    rows.iter()
        .filter(|row| row.module.is_some())
        .take(LISTED)
        .map(|row| of_module(profile, row, share(row.own.cpu_ns, total), summary))
        .collect()
}

fn of_module(profile: &Profile, row: &ModuleRow, part: f64, summary: &Summary) -> Finding {
    let module = row
        .module
        .and_then(|module| profile.modules.get(module as usize));
    let path = module.map_or("", |module| module.path.as_str());
    let name = path.rsplit('/').next().unwrap_or(path);
    let looked_up = summary.modules.iter().find(|module| module.path == path);
    let source = looked_up.map_or_else(String::new, |module| {
        format!(" ({})", module.source.as_str())
    });
    let named = share(row.named, row.addresses);
    let what = format!(
        "{name}, {} of the samples: {} of {} named, {} with lines{source}",
        percent_in_words(part),
        percent_in_words(named),
        match row.addresses {
            1 => "1 address".to_owned(),
            n => format!("{} addresses", count(n)),
        },
        percent_in_words(share(row.with_line, row.addresses)),
    );
    let hint = looked_up
        .and_then(|module| module.hint.clone())
        .unwrap_or_default();
    if named < ENOUGH_NAMED && part >= MATTERS {
        Finding::change(TOPIC, what, hint)
    } else if hint.is_empty() {
        Finding::good(TOPIC, what)
    } else {
        Finding::note(TOPIC, what, hint)
    }
}
