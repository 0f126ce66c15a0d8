//! SARIF against the schema of the standard.
//!
//! `sarif-schema-2.1.0.json` is OASIS's, unchanged, as its technical committee keeps it (Schemata/sarif-schema-2.1.0.json) and the crate `serde-sarif` 0.8
//! publishes it. Copyright OASIS Open; what it may be used for is OASIS's policy on intellectual property, which lets implementers copy it.

use super::schema::Schema;
use super::{documents, golden};
use serde_json::{Value, json};

fn schema() -> Schema {
    Schema::new(include_str!("sarif-schema-2.1.0.json"))
}

#[test]
fn documents_fit_the_schema() {
    let schema = schema();
    let mut all = documents("sarif");
    all.push(golden("regressed.sarif"));
    for (what, document) in all {
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(schema.errors(&document), [""; 0], "{what}: {document:#}");
        let results = document["runs"][0]["results"].as_array().unwrap();
        let expected = !["inconclusive", "refused"].contains(&&*what);
        assert_eq!(!results.is_empty(), expected, "{what}: {document:#}");
    }
}

/// What a schema does not find is no evidence unless it finds what is wrong.
#[test]
fn what_does_not_fit_is_found() {
    let schema = schema();
    let (_, document) = golden("regressed.sarif");
    let document: Value = serde_json::from_str(&document).unwrap();
    let check = |pointer: &str, value: Value, expected: &str| {
        let mut altered = document.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let place = altered.pointer_mut(parent).unwrap();
        match place {
            Value::Array(items) => items.push(value),
            _ => place[name] = value,
        }
        assert_eq!(schema.errors(&altered), [expected], "{pointer}");
    };
    check("/version", json!("2.0.0"), "/version: enum");
    check("/runs", json!({}), "/runs: type");
    check("/verdict", json!("REGRESSED"), ": additionalProperties");
    let driver = "/runs/0/tool/driver";
    check(driver, json!({}), "/runs/0/tool/driver: required");
    check(
        &format!("{driver}/rules/0/id"),
        json!(7),
        &format!("{driver}/rules/0/id: type"),
    );
    check(
        &format!("{driver}/informationUri"),
        json!("hotpoll"),
        &format!("{driver}/informationUri: format"),
    );
    let first = document["runs"][0]["tool"]["driver"]["rules"][0].clone();
    check(
        &format!("{driver}/rules/-"),
        first,
        &format!("{driver}/rules: uniqueItems"),
    );
    let result = "/runs/0/results/0";
    check(
        &format!("{result}/level"),
        json!("fatal"),
        &format!("{result}/level: enum"),
    );
    check(
        &format!("{result}/ruleIndex"),
        json!(-2),
        &format!("{result}/ruleIndex: minimum"),
    );
    check(
        &format!("{result}/rank"),
        json!(101),
        &format!("{result}/rank: maximum"),
    );
    check(
        &format!("{result}/guid"),
        json!("7"),
        &format!("{result}/guid: pattern"),
    );
    check(
        &format!("{result}/message"),
        json!({}),
        &format!("{result}/message: anyOf"),
    );
    check(
        &format!("{result}/partialFingerprints/x"),
        json!(1),
        &format!("{result}/partialFingerprints/x: type"),
    );
    let place = format!("{result}/locations/0/physicalLocation");
    check(
        &format!("{place}/region/startLine"),
        json!(0),
        &format!("{place}/region/startLine: minimum"),
    );
    check(
        &format!("{place}/artifactLocation/uri"),
        json!("src/a b.rs"),
        &format!("{place}/artifactLocation/uri: format"),
    );
}
