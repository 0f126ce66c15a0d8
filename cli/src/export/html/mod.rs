//! One HTML file that is a flame graph and its own viewer: no network, no framework, nothing to install.
//!
//! In: a profile. Out: `page.html` with the style sheet, the scripts and the profile's data inside. The data is JSON in an element that
//! is not run, with `<`, `>` and `&` escaped; the scripts put names on the page as text only; and the page's own policy forbids it to load anything.

mod data;
mod tree;

use super::ExportError;
use super::text::printable;
use hotpoll_profile::Profile;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// In the order in which they need each other.
const SCRIPTS: [&str; 6] = [
    include_str!("text.js"),
    include_str!("model.js"),
    include_str!("graph.js"),
    include_str!("timeline.js"),
    include_str!("table.js"),
    include_str!("main.js"),
];

/// The profile as a page.
pub fn html(profile: &Profile) -> Result<String, ExportError> {
    let data = serde_json::to_string(&data::data(profile)?)?;
    let title = format!(
        "{} (pid {}) - hotpoll",
        printable(&profile.process.name),
        profile.process.pid
    );
    let mut page = String::new();
    // One pass over the template: what is filled in is never searched for places to fill.
    let mut rest = PAGE;
    while let Some((before, place)) = rest.split_once("@@") {
        let (name, after) = place.split_once("@@").unwrap_or((place, ""));
        page.push_str(before);
        match name {
            "TITLE" => page.push_str(&escape_html(&title)),
            "STYLE" => page.push_str(STYLE),
            "DATA" => page.push_str(&escape_json(&data)),
            "SCRIPT" => SCRIPTS.iter().for_each(|script| page.push_str(script)),
            other => unreachable!("page.html has a place for {other}, which nothing fills"),
        }
        rest = after;
    }
    page.push_str(rest);
    Ok(page)
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// JSON that means the same and can neither end the element it stands in nor begin a comment there.
fn escape_json(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn embedded(page: &str) -> &str {
        let (_, data) = page
            .split_once("<script type=\"application/json\" id=\"data\">")
            .unwrap();
        data.split_once("</script>").unwrap().0
    }

    #[test]
    fn hostile_names_stay_data() {
        let mut profile = fixture::service();
        profile.process.name = fixture::HOSTILE.into();
        profile.threads[0].name = fixture::HOSTILE.into();
        profile.modules[0].path = fixture::HOSTILE.into();
        profile.process.notices = vec![fixture::HOSTILE.into(), "@@DATA@@".into()];
        let page = html(&profile).unwrap();
        assert!(!page.contains("<img"), "a name became an element");
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(!embedded(&page).contains(['<', '>', '&']));
        let value: serde_json::Value = serde_json::from_str(embedded(&page)).unwrap();
        assert_eq!(value["header"]["notices"][1], "@@DATA@@");
        assert_eq!(
            value["threads"][0]["name"],
            super::super::text::printable(fixture::HOSTILE)
        );
    }

    #[test]
    fn nothing_is_loaded() {
        let page = html(&fixture::service()).unwrap();
        assert!(page.contains("default-src 'none'"));
        let without_data = page.replace(embedded(&page), "");
        for address in [
            "http:", "https:", "src=", "href=", "@import", "url(", "fetch(",
        ] {
            assert!(!without_data.contains(address), "{address} in the page");
        }
    }
}
