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
pub fn html(profile: &Profile, options: &Options) -> Result<String, ExportError> {
    let data = serde_json::to_string(&data::data(profile, options.wall)?)?;
    let title = format!("{} - hotpoll", text::process(&profile.process));
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
    use crate::golden;
    use std::path::PathBuf;

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
        let Some(chromium) = chromium() else {
            println!("skipped: no chromium in PATH, and HOTPOLL_TEST_CHROMIUM names none");
            return;
        };
        let mut profile = fixture::service();
        profile.process.notices.push(fixture::HOSTILE.into());
        let page = html(&profile, &Options::default()).unwrap();
        let (page, end) = page.rsplit_once("</body>").unwrap();
        let check = include_str!("check.js");
        let page = format!("{page}<script>{check}</script></body>{end}");
        let folder = std::env::temp_dir().join(format!("hotpoll-page-{}", std::process::id()));
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
        golden::check("service.browser.txt", said);
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
