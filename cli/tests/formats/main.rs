//! What `hotpoll diff` writes for other tools, held against what those tools ask of it: [`sarif`] against the standard's own schema, [`junit`] against what
//! readers of test results know. And what perf's converters write for it: [`perf`].

#[path = "../folder/mod.rs"]
mod folder;
mod junit;
mod perf;
mod sarif;
mod schema;

use folder::Folder;
use hotpoll_profile::{Work, WorkSource, pprof};
use std::path::Path;
use std::process::{Command, Stdio};

/// A name that must stay a name.
const HOSTILE: &str = "evil::<img src=x onerror=alert(1)>|`]]>\u{202e}\n::error::x%0A<_>\u{1}";

/// Four runs of a build whose `parse` the new build makes dearer, with work to compare by; `main.parse` has another name where one is given.
fn runs(folder: &Folder, side: &str, parse: Option<&str>) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::create_dir_all(folder.path(side)).unwrap();
    for number in 1..=4 {
        let bytes = std::fs::read(data.join(format!("go-{side}-{number}.pb.gz"))).unwrap();
        let mut profile = pprof::decode(&bytes).unwrap();
        profile.work = vec![Work {
            name: "requests".into(),
            source: WorkSource::Given,
            units: 1_000,
        }];
        if let Some(parse) = parse {
            let mut functions = profile.functions.iter_mut();
            let function = functions.find(|function| function.name == "main.parse");
            let function = function.unwrap();
            function.name = parse.to_owned();
            function.system_name = String::new();
        }
        let file = folder.path(&format!("{side}/{number}.pb.gz"));
        std::fs::write(file, pprof::encode_gzip(&profile)).unwrap();
    }
    folder.path(side)
}

/// What `hotpoll diff` writes in a format, of comparisons that came out in every way: what each is, and the document.
fn documents(format: &str) -> Vec<(String, String)> {
    let folder = Folder::new(format);
    let (base, new) = (runs(&folder, "base", None), runs(&folder, "new", None));
    let waivers = folder.path("waivers");
    std::fs::write(
        &waivers,
        "main.parse until 2999-12-31 #1: <on> \"purpose\" & so on\ntotal until 2999-12-31 #1\n",
    )
    .unwrap();
    let half = |side: &str, numbers: &str| format!("{side}/[{numbers}].pb.gz");
    let written = |what: &str, code: i32, arguments: &[&str]| {
        let file = folder.path("document");
        let output = format!("{format}={file}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_hotpoll"));
        command.args(["diff", "--output", &output]).args(arguments);
        command
            .env("XDG_STATE_HOME", &folder.0)
            .stdin(Stdio::null());
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        assert_eq!(done.status.code(), Some(code), "{what}: {said}");
        let document = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        (what.to_owned(), document)
    };
    let mut documents = vec![
        written("regressed", 1, &[&base, "--", &new]),
        written("only told", 0, &["--fail-on", "none", &base, "--", &new]),
        written("waived", 0, &["--waivers", &waivers, &base, "--", &new]),
        written(
            "inconclusive",
            3,
            &[
                "--on-inconclusive",
                "fail",
                &half(&base, "12"),
                "--",
                &half(&base, "34"),
            ],
        ),
        written("refused", 3, &[&base, "--", &other("go-heap.pb.gz")]),
    ];
    let hostile = Folder::new(&format!("{format}-hostile"));
    let sides = ["base", "new"].map(|side| runs(&hostile, side, Some(HOSTILE)));
    documents.push(written("hostile", 1, &[&sides[0], "--", &sides[1]]));
    documents
}

/// A file of another tool.
fn other(name: &str) -> String {
    format!(
        "{}/../profile/tests/data/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// What a unit test holds the command's output against: a comparison with all there is.
fn golden(name: &str) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/diff/golden")
        .join(name);
    (name.to_owned(), std::fs::read_to_string(path).unwrap())
}
