//! JSON Schema (draft 7), as far as the schema of SARIF uses it. A keyword that is not known here ends the test: what is not checked must not pass for checked.
//!
//! A library for it is thirty crates to build, for what is said here in a page.

use regex::Regex;
use serde_json::Value;

/// A schema, and how documents are held against it.
pub struct Schema {
    root: Value,
}

impl Schema {
    /// Of its text.
    pub fn new(text: &str) -> Self {
        Self {
            root: serde_json::from_str(text).unwrap(),
        }
    }

    /// What is wrong with a document: where, and what.
    pub fn errors(&self, document: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        self.check(&self.root, document, "", &mut errors);
        errors
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
        let rules = schema.as_object().unwrap();
        // Beside it nothing counts.
        if let Some(name) = rules.get("$ref") {
            let pointer = name.as_str().unwrap().strip_prefix('#').unwrap();
            let named = self.root.pointer(pointer);
            return self.check(named.unwrap(), value, at, errors);
        }
        for (keyword, rule) in rules {
            let holds = match keyword.as_str() {
                "$schema" | "$id" | "title" | "description" | "default" | "definitions" => true,
                "type" => is_of_type(rule, value),
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
                "pattern" => value.as_str().is_none_or(|text| matches(rule, text)),
                "format" => value.as_str().is_none_or(|text| has_format(rule, text)),
                "required" => value.as_object().is_none_or(|value| {
                    let mut names = rule.as_array().unwrap().iter();
                    names.all(|name| value.contains_key(name.as_str().unwrap()))
                }),
                "properties" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        if let Some(schema) = rule.get(name) {
                            self.check(schema, value, &format!("{at}/{name}"), errors);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = |name: &str| {
                        let properties = rules.get("properties");
                        properties.is_some_and(|known| known.get(name).is_some())
                    };
                    let members = value.as_object().into_iter().flatten();
                    let others = members.filter(|(name, _)| !known(name));
                    let mut holds = true;
                    for (name, value) in others {
                        match rule.as_bool() {
                            Some(allowed) => holds &= allowed,
                            None => self.check(rule, value, &format!("{at}/{name}"), errors),
                        }
                    }
                    holds
                }
                "items" => {
                    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, value, &format!("{at}/{index}"), errors);
                    }
                    true
                }
                "minItems" => (value.as_array())
                    .is_none_or(|items| items.len() as u64 >= rule.as_u64().unwrap()),
                "uniqueItems" => value.as_array().is_none_or(|items| {
                    let mut items = items.iter().enumerate();
                    let all = value.as_array().unwrap();
                    items.all(|(index, item)| !all[..index].contains(item))
                }),
                "anyOf" => self.fitting(rule, value) >= 1,
                "oneOf" => self.fitting(rule, value) == 1,
                other => panic!("the schema uses {other}, which this test does not know"),
            };
            if !holds {
                errors.push(format!("{at}: {keyword}"));
            }
        }
    }

    /// How many of these schemas a value fits.
    fn fitting(&self, schemas: &Value, value: &Value) -> usize {
        let fits = |schema: &&Value| {
            let mut errors = Vec::new();
            self.check(schema, value, "", &mut errors);
            errors.is_empty()
        };
        schemas.as_array().unwrap().iter().filter(fits).count()
    }
}

fn is_of_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("the schema uses the type {other}, which this test does not know"),
    };
    match rule.as_array() {
        Some(names) => names.iter().any(is),
        None => is(rule),
    }
}

fn matches(rule: &Value, text: &str) -> bool {
    Regex::new(rule.as_str().unwrap()).unwrap().is_match(text)
}

/// RFC 3986 and RFC 3339, without their finer points.
fn has_format(rule: &Value, text: &str) -> bool {
    const PART: &str = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*";
    let pattern = match rule.as_str().unwrap() {
        "uri" => format!("^[A-Za-z][A-Za-z0-9+.-]*:{PART}$"),
        "uri-reference" => format!("^{PART}$"),
        "date-time" => {
            r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$".to_owned()
        }
        other => panic!("the schema uses the format {other}, which this test does not know"),
    };
    Regex::new(&pattern).unwrap().is_match(text)
}
