//! The one envelope of all JSON that the command writes.
//!
//! ```json
//! { "hotpoll": { "version": "0.1.0" }, "kind": "report", "schema": 1, "data": { … } }
//! ```
//! `kind` says what `data` is, `schema` which version of that kind. Within a version fields are only added; one that changes its
//! meaning or goes away makes a new version. cli/JSON.md lists the kinds.

use serde::Serialize;

#[derive(Serialize)]
struct Envelope<'d, T> {
    hotpoll: Program,
    kind: &'static str,
    schema: u32,
    data: &'d T,
}

#[derive(Serialize)]
struct Program {
    version: &'static str,
}

/// The data in its envelope, one line of JSON (`watch`es write one a redraw).
pub fn line<T: Serialize>(kind: &'static str, schema: u32, data: &T) -> String {
    let envelope = Envelope {
        hotpoll: Program {
            version: env!("CARGO_PKG_VERSION"),
        },
        kind,
        schema,
        data,
    };
    let mut json =
        serde_json::to_string(&envelope).expect("the data of reports has string keys only");
    json.push('\n');
    json
}
