//! One HTML file that is a flame graph and its own viewer: no network, no framework, nothing to install.
//!
//! In: a profile. Out: `page.html` with the style sheet, the scripts and the profile's data inside. The data is JSON in an element that
//! is not run, with `<`, `>` and `&` escaped; the scripts put names on the page as text only; and the page's own policy forbids it to load anything.

mod data;
mod tree;

use super::text;
use super::{ExportError, Options};
use hotpoll_profile::Profile;

const PAGE: &str = include_str!("page.html");
/// The style sheet; pages of comparisons have it too, and the two scripts below.
pub const STYLE: &str = include_str!("page.css");
/// Numbers and names for a person.
pub const TEXT_SCRIPT: &str = include_str!("text.js");
/// Boxes on a canvas.
pub const GRAPH_SCRIPT: &str = include_str!("graph.js");
/// The tip, the search field, the keys.
pub const PAGE_SCRIPT: &str = include_str!("page.js");
/// In the order in which they need each other.
const SCRIPTS: [&str; 7] = [
    TEXT_SCRIPT,
    include_str!("model.js"),
    GRAPH_SCRIPT,
    include_str!("timeline.js"),
    include_str!("table.js"),
    PAGE_SCRIPT,
    include_str!("main.js"),
];

/// The profile as a page.
pub fn html(profile: &Profile, options: &Options) -> Result<String, ExportError> {
    let data = serde_json::to_string(&data::data(profile, options.wall)?)?;
    let title = format!("{} - hotpoll", text::process(&profile.process));
    Ok(fill(PAGE, |place| match place {
        "TITLE" => escape_html(&title),
        "STYLE" => STYLE.to_owned(),
        "DATA" => escape_json(&data),
        "SCRIPT" => SCRIPTS.concat(),
        other => unreachable!("page.html has a place for {other}, which nothing fills"),
    }))
}

/// The template with each `@@PLACE@@` filled. One pass over it: what is filled in is never searched for places to fill.
pub fn fill(template: &str, filling: impl Fn(&str) -> String) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, place)) = rest.split_once("@@") {
        let (name, after) = place.split_once("@@").unwrap_or((place, ""));
        page.push_str(before);
        page.push_str(&filling(name));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Text for an element or an attribute.
pub fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// JSON that means the same and can neither end the element it stands in nor begin a comment there.
pub fn escape_json(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
pub mod tests {
    use super::super::fixture;
    use super::*;
    use crate::golden;
    use std::path::PathBuf;

    /// The data inside of a page.
    pub fn embedded(page: &str) -> &str {
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
        let page = html(&profile, &Options::default()).unwrap();
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

    /// The browser to test with: the one that `HOTPOLL_TEST_CHROMIUM` names, which must be there, or a chromium in `PATH`.
    fn chromium() -> Option<PathBuf> {
        if let Some(named) = std::env::var_os("HOTPOLL_TEST_CHROMIUM") {
            return Some(named.into());
        }
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join("chromium"))
            .find(|program| program.is_file())
    }

    /// What the page says in a real browser when it is used.
    #[test]
    fn in_a_browser() {
        let mut profile = fixture::service();
        profile.process.notices.push(fixture::HOSTILE.into());
        let page = html(&profile, &Options::default()).unwrap();
        if let Some(said) = said_in_a_browser("profile", &page, include_str!("check.js")) {
            golden::check("service.browser.txt", &said);
        }
    }

    /// What a page says in a real browser when `check` uses it; `None` where there is no browser.
    pub fn said_in_a_browser(name: &str, page: &str, check: &str) -> Option<String> {
        let Some(chromium) = chromium() else {
            println!("skipped: no chromium in PATH, and HOTPOLL_TEST_CHROMIUM names none");
            return None;
        };
        let (page, end) = page.rsplit_once("</body>").unwrap();
        let page = format!("{page}<script>{check}</script></body>{end}");
        let folder = format!("hotpoll-page-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("page.html");
        std::fs::write(&file, page).unwrap();
        let output = std::process::Command::new(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .args(["--window-size=1280,800", "--virtual-time-budget=10000"])
            .arg(format!("--user-data-dir={}", folder.join("user").display()))
            .arg("--dump-dom")
            .arg(format!("file://{}", file.display()))
            .output()
            .unwrap();
        // A process of the browser may still be writing to its own folder.
        let _ = std::fs::remove_dir_all(&folder);
        let dom = String::from_utf8(output.stdout).unwrap();
        let (_, said) = dom.split_once("<pre id=\"said\">").unwrap_or_else(|| {
            panic!(
                "the check did not end: {}",
                String::from_utf8_lossy(&output.stderr)
            )
        });
        let (said, _) = said.split_once("</pre>").unwrap();
        Some(said.to_owned())
    }

    #[test]
    fn nothing_is_loaded() {
        let page = html(&fixture::service(), &Options::default()).unwrap();
        assert!(page.contains("default-src 'none'"));
        let without_data = page.replace(embedded(&page), "");
        for address in [
            "http:", "https:", "src=", "href=", "@import", "url(", "fetch(",
        ] {
            assert!(!without_data.contains(address), "{address} in the page");
        }
    }
}
