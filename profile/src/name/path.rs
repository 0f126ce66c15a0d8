//! Source files: the same file has the same path, wherever it was compiled.

/// The canonical path of a source file: without the machine's folders and the version, where they can be told.
///
/// | from | to |
/// |---|---|
/// | `/rustc/<hash>/library/core/src/fmt/mod.rs` | `library/core/src/fmt/mod.rs` |
/// | `~/.cargo/registry/src/<index>/tokio-1.47.1/src/lib.rs` | `tokio/src/lib.rs` |
/// | `~/.cargo/git/checkouts/<repository>/<revision>/tokio/src/lib.rs` | `tokio/src/lib.rs` |
/// | `/src/vendor/tokio/src/lib.rs` | `tokio/src/lib.rs` |
///
/// Other paths stay, but for `.` and `..`.
pub fn canonical_path(path: &str) -> String {
    let parts = normal_parts(path);
    let canonical = standard_library(&parts)
        .or_else(|| registry(&parts))
        .or_else(|| git_checkout(&parts))
        .or_else(|| vendored(&parts))
        .unwrap_or_else(|| parts.join("/"));
    super::cut(canonical)
}

/// The registry's package that a source file is of, and its version: `tokio`, `1.47.1`.
pub fn package_version(path: &str) -> Option<(&str, &str)> {
    let parts = normal_parts(path);
    let package = match &parts[after(&parts, &["registry", "src"])?..] {
        [_index, package, _, ..] => *package,
        _ => return None,
    };
    let name = without_version(package);
    let version = package[name.len()..].strip_prefix('-')?;
    Some((name, version))
}

/// A path's parts; the first is empty if the path is absolute.
fn normal_parts(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = Vec::new();
    for (at, part) in path.split('/').enumerate() {
        match part {
            "" if at > 0 => {}
            "." => {}
            ".." if matches!(parts.last(), Some(last) if !last.is_empty() && *last != "..") => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}

/// Where `wanted` stands one after the other; the place after it.
fn after(parts: &[&str], wanted: &[&str]) -> Option<usize> {
    parts
        .windows(wanted.len())
        .position(|window| window == wanted)
        .map(|at| at + wanted.len())
}

/// What the compiler says about its own sources, or where rustup puts them.
fn standard_library(parts: &[&str]) -> Option<String> {
    let rest = match parts {
        ["", "rustc", _, rest @ ..] => rest,
        ["", "rust", "deps", name, rest @ ..] => return Some(join(without_version(name), rest)),
        _ => &parts[after(parts, &["lib", "rustlib", "src", "rust"])?..],
    };
    match rest {
        // The standard library's dependencies, when vendored into the compiler's sources.
        ["vendor", name, rest @ ..] => Some(join(without_version(name), rest)),
        [] => None,
        _ => Some(rest.join("/")),
    }
}

fn registry(parts: &[&str]) -> Option<String> {
    match &parts[after(parts, &["registry", "src"])?..] {
        [_index, package, rest @ ..] => Some(join(without_version(package), rest)),
        _ => None,
    }
}

fn git_checkout(parts: &[&str]) -> Option<String> {
    let [repository, _revision, rest @ ..] = &parts[after(parts, &["git", "checkouts"])?..] else {
        return None;
    };
    // Within a repository of many packages: from the folder of the package, as the registry would have it.
    match rest.iter().position(|part| *part == "src") {
        Some(src) if src > 0 => Some(rest[src - 1..].join("/")),
        _ => {
            // `tokio-377c595163f99a10`
            let name = repository
                .rsplit_once('-')
                .map_or(*repository, |(name, _)| name);
            Some(join(name, rest))
        }
    }
}

fn vendored(parts: &[&str]) -> Option<String> {
    match &parts[after(parts, &["vendor"])?..] {
        [package, rest @ ..] if rest.contains(&"src") => Some(join(without_version(package), rest)),
        _ => None,
    }
}

fn join(package: &str, rest: &[&str]) -> String {
    let mut path = package.to_owned();
    for part in rest {
        path.push('/');
        path.push_str(part);
    }
    path
}

/// `tokio-1.47.1` is `tokio`; `utf-8-0.7.6` is `utf-8`.
fn without_version(package: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_version = |text: &str| {
        let mut numbers = text.splitn(3, '.');
        numbers.next().is_some_and(is_number)
            && numbers.next().is_some_and(is_number)
            // `0-beta.1+build.5`
            && numbers.next().is_some_and(|patch| patch.starts_with(|c: char| c.is_ascii_digit()))
    };
    package
        .match_indices('-')
        .find(|(at, _)| is_version(&package[at + 1..]))
        .map_or(package, |(at, _)| &package[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_versions() {
        for (path, package) in [
            (
                "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.47.1/src/lib.rs",
                Some(("tokio", "1.47.1")),
            ),
            (
                "/c/registry/src/x/utf-8-0.7.6/src/lib.rs",
                Some(("utf-8", "0.7.6")),
            ),
            ("/c/registry/src/x/unversioned/src/lib.rs", None),
            ("/c/registry/src/x", None),
            ("src/main.rs", None),
            ("", None),
        ] {
            assert_eq!(package_version(path), package, "{path}");
        }
    }
}
