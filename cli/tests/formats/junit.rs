//! JUnit's XML. There is no standard for it: what is known here are the elements and attributes that readers of it agree on (Jenkins' xunit plug-in,
//! surefire, GitLab), what they require of each, and that its counts are right.

use super::{documents, golden};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;

/// What may stand in an element.
struct Kind {
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    children: &'static [&'static str],
    /// Whether text may.
    text: bool,
}

const OUTCOMES: [&str; 3] = ["failure", "error", "skipped"];

const fn with_text(name: &'static str, optional: &'static [&'static str]) -> Kind {
    Kind {
        name,
        required: &[],
        optional,
        children: &[],
        text: true,
    }
}

const KINDS: [Kind; 8] = [
    Kind {
        name: "testsuites",
        required: &[],
        optional: &["name", "time", "tests", "failures", "errors"],
        children: &["testsuite"],
        text: false,
    },
    Kind {
        name: "testsuite",
        required: &["name", "tests", "failures", "errors"],
        optional: &[
            "skipped",
            "time",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
        ],
        children: &["testsuite", "testcase", "system-out", "system-err"],
        text: false,
    },
    Kind {
        name: "testcase",
        required: &["name"],
        optional: &["classname", "time", "group"],
        children: &["failure", "error", "skipped", "system-out", "system-err"],
        text: false,
    },
    with_text("failure", &["message", "type"]),
    with_text("error", &["message", "type"]),
    with_text("skipped", &["message", "type"]),
    with_text("system-out", &[]),
    with_text("system-err", &[]),
];

#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Self {
        let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            (key, value.unwrap().into_owned())
        });
        Self {
            name,
            attributes: attributes.collect(),
            ..Self::default()
        }
    }

    /// The document's outermost element.
    fn read(xml: &str) -> Self {
        let mut reader = quick_xml::Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let mut open = vec![Self::default()];
        loop {
            let last = open.last_mut().unwrap();
            match reader.read_event().unwrap() {
                Event::Start(start) => open.push(Self::new(&start)),
                Event::Empty(empty) => last.children.push(Self::new(&empty)),
                Event::End(_) => {
                    let ended = open.pop().unwrap();
                    open.last_mut().unwrap().children.push(ended);
                }
                Event::Text(text) => last.text += text.xml10_content().unwrap().trim(),
                Event::GeneralRef(name) => last.text += &format!("&{};", name.decode().unwrap()),
                Event::Decl(_) => {}
                Event::Eof => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((open.len(), open[0].children.len()), (1, 1), "{xml}");
        open.remove(0).children.remove(0)
    }

    fn errors(&self, errors: &mut Vec<String>) {
        let Some(kind) = KINDS.iter().find(|kind| kind.name == self.name) else {
            errors.push(format!("nobody knows {}", self.name));
            return;
        };
        let has = |name: &&&str| self.attributes.contains_key(**name);
        let lacking = kind.required.iter().filter(|name| !has(name));
        errors.extend(lacking.map(|name| format!("{} lacks {name}", self.name)));
        let known = |name: &str| kind.required.contains(&name) || kind.optional.contains(&name);
        let unknown = self.attributes.keys().filter(|name| !known(name));
        errors.extend(unknown.map(|name| format!("{} has {name}", self.name)));
        if !self.text.is_empty() && !kind.text {
            errors.push(format!("{} has text", self.name));
        }
        for child in &self.children {
            if !kind.children.contains(&&*child.name) {
                errors.push(format!("{} in {}", child.name, self.name));
            }
            child.errors(errors);
        }
        if self.name == "testsuite" {
            self.counts(errors);
        }
    }

    /// A suite's counts are those of its cases, each of which has one outcome and a name of its own.
    fn counts(&self, errors: &mut Vec<String>) {
        let cases = self
            .children
            .iter()
            .filter(|child| child.name == "testcase");
        let cases: Vec<&Self> = cases.collect();
        let outcomes = |case: &&Self| {
            let children = case.children.iter().map(|child| &*child.name);
            children.filter(|name| OUTCOMES.contains(name)).count()
        };
        if cases.iter().any(|case| outcomes(case) > 1) {
            errors.push("a case with two outcomes".to_owned());
        }
        let with = |outcome: &str| {
            let has = |case: &&&Self| case.children.iter().any(|child| child.name == outcome);
            cases.iter().filter(has).count()
        };
        for (attribute, count) in [
            ("tests", cases.len()),
            ("failures", with("failure")),
            ("errors", with("error")),
            ("skipped", with("skipped")),
        ] {
            let told = self.attributes.get(attribute).map_or("0", String::as_str);
            if told != count.to_string() {
                errors.push(format!("{attribute} is {told}, and there are {count}"));
            }
        }
        let key = |case: &Self| {
            ["classname", "name"].map(|name| case.attributes.get(name).cloned().unwrap_or_default())
        };
        let mut keys: Vec<_> = cases.iter().map(|case| key(case)).collect();
        keys.sort();
        let twice = keys.windows(2).filter(|pair| pair[0] == pair[1]);
        errors.extend(twice.map(|pair| format!("{} twice", pair[0][1])));
    }
}

fn errors(xml: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let root = Element::read(xml);
    if root.name != "testsuites" {
        errors.push(format!("a document of {}", root.name));
    }
    root.errors(&mut errors);
    errors
}

#[test]
fn documents_have_what_readers_know() {
    let mut all = documents("junit");
    all.push(golden("regressed.junit.xml"));
    for (what, document) in all {
        assert_eq!(errors(&document), [""; 0], "{what}: {document}");
        let fails = document.contains("<failure") || document.contains("<error");
        let expected = !["only told", "waived"].contains(&&*what);
        assert_eq!(fails, expected, "{what}: {document}");
    }
}

#[test]
fn what_nobody_knows_is_found() {
    let (_, golden) = golden("regressed.junit.xml");
    let check = |from: &str, to: &str, expected: &str| {
        assert!(golden.contains(from), "{from}");
        let found = errors(&golden.replacen(from, to, 1));
        assert!(found.iter().any(|error| error == expected), "{found:?}");
    };
    check(" failures=\"0\"", "", "testsuite lacks failures");
    check("<testcase ", "<testcase line=\"7\" ", "testcase has line");
    check("<skipped ", "<waived ", "nobody knows waived");
    check("tests=\"1\"", "tests=\"2\"", "tests is 2, and there are 1");
    check("    <testcase ", "    text<testcase ", "testsuite has text");
    check(
        "shop::html::escape_slowly",
        "shop::json::number",
        "shop::json::number twice",
    );
}
