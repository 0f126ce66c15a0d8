//! What `hotpoll locks` writes, of the shop whose locks are in trouble.

use super::collect::{By, collect};
use super::text::render;
use crate::golden;
use crate::stuck::fixture::locked;
use crate::text::style::plain;
use crate::text::width::width;
use regex::Regex;

#[track_caller]
fn text(filter: Option<&str>, by: By, columns: usize) -> String {
    let filter = filter.map(|filter| Regex::new(filter).unwrap());
    let data = collect(&locked(), filter.as_ref(), by, None);
    let text = plain(&render(&data, None, columns));
    for line in text.lines() {
        assert!(width(line) <= columns, "{} columns: {line}", width(line));
    }
    text
}

#[test]
fn what_is_waited_for_most_stands_first() {
    golden::check_in("locks", "shop.txt", &text(None, By::Wait, 80));
}

#[test]
fn sorted_and_filtered_as_asked() {
    let names = |filter: &str, by| {
        let filter = Regex::new(filter).unwrap();
        let data = collect(&locked(), Some(&filter), by, None);
        let names = data.resources.into_iter();
        names
            .map(|one| {
                if one.name.is_empty() {
                    one.site
                } else {
                    one.name
                }
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(names("", By::Acquired)[0], "prices");
    assert_eq!(names("", By::Length)[0], "orders");
    // By who holds it, and by its kind.
    assert_eq!(names("request", By::Wait), ["sessions", "prices"]);
    assert_eq!(names("^semaphore$", By::Wait), ["db"]);
}

#[test]
fn narrow_and_wide() {
    for columns in [60, 100, 160] {
        text(None, By::Wait, columns);
    }
}

#[test]
fn json_has_both_modes() {
    let data = collect(&locked(), None, By::Wait, None);
    let json = crate::envelope::line("locks", super::data::SCHEMA, &data);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let first = &json["data"]["resources"][0];
    assert_eq!(first["name"], "sessions");
    assert_eq!(first["exclusive"]["contended"], 300);
    assert_eq!(first["holders"][0]["since"], "at least");
    assert_eq!(first["waiters"][1]["task"], 9);
    assert_eq!(
        first["exclusive"]["longest_wait"]["other_site"],
        "src/cache.rs:41:9"
    );
}

#[test]
fn one_is_no_plural() {
    let mut data = collect(&locked(), None, By::Wait, None);
    data.alive = 1;
    let text = plain(&render(&data, None, 80));
    assert!(
        text.contains("1 lock or channel alive, 9 made so far"),
        "{text}"
    );
}
