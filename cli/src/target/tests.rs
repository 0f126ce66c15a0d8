//! The grammar on a host made of literals.

use super::*;

/// `(PID, name, user, has hotpoll)`, and files by name.
struct TestHost {
    processes: Vec<(u32, &'static str, u32, bool)>,
    files: Vec<(&'static str, FileKind)>,
}

const ME: u32 = 1000;
const BOB: u32 = 1001;

impl TestHost {
    fn facts(&self, row: &(u32, &'static str, u32, bool)) -> ProcessFacts {
        ProcessFacts {
            pid: row.0,
            own_pid: row.0,
            name: row.1.chars().take(15).collect(),
            executable: row.1.to_owned(),
            uid: row.2,
            zombie: row.1 == "zombie",
            ..ProcessFacts::default()
        }
    }
}

impl Host for TestHost {
    fn endpoints(&self) -> Vec<Endpoint> {
        (self.processes.iter())
            .filter_map(|row| self.endpoint(&self.facts(row)))
            .collect()
    }

    fn process(&self, pid: u32) -> Option<ProcessFacts> {
        let row = self.processes.iter().find(|row| row.0 == pid)?;
        Some(self.facts(row))
    }

    fn endpoint(&self, process: &ProcessFacts) -> Option<Endpoint> {
        let row = self.processes.iter().find(|row| row.0 == process.pid)?;
        row.3.then(|| Endpoint {
            process: process.clone(),
            socket: "/x".into(),
        })
    }

    fn named(&self, name: &str) -> Vec<ProcessFacts> {
        (self.processes.iter())
            .map(|row| self.facts(row))
            .filter(|process| process.is_named(name))
            .collect()
    }

    fn unheard(&self, process: &ProcessFacts) -> Option<String> {
        (process.executable == "mute").then(|| "there is no /tmp".to_owned())
    }

    fn first_unheard(&self) -> Option<ProcessFacts> {
        self.named("mute").into_iter().next()
    }

    fn forked_from(&self, process: &ProcessFacts) -> Option<u32> {
        (process.executable == "child").then_some(11)
    }

    fn file(&self, path: &Path) -> FileKind {
        self.files
            .iter()
            .find(|(name, _)| Path::new(name) == path)
            .map_or(FileKind::Missing, |(_, kind)| kind.clone())
    }

    fn may_ask(&self, uid: u32) -> bool {
        uid == ME
    }

    fn user(&self, uid: u32) -> String {
        if uid == BOB { "bob" } else { "me" }.to_owned()
    }

    fn command(&self) -> &str {
        "hotpoll doctor"
    }
}

fn host() -> TestHost {
    TestHost {
        processes: vec![
            (10, "sleep", ME, false),
            (11, "shop", ME, true),
            (12, "pool-of-long-named-workers", ME, true),
            (13, "twin", ME, true),
            (14, "twin", ME, true),
            (15, "vault", BOB, true),
            (16, "zombie", ME, false),
        ],
        files: vec![
            ("shop", FileKind::Elf),
            ("idle", FileKind::Elf),
            ("sleep", FileKind::Folder),
            ("target", FileKind::Folder),
            ("run.pb.gz", FileKind::Profile),
            ("./99", FileKind::Profile),
            ("99", FileKind::Profile),
            ("notes.txt", FileKind::Other),
            (
                "locked.pb.gz",
                FileKind::Unreadable("Permission denied".to_owned()),
            ),
        ],
    }
}

/// The PID or the path that a TARGET stands for, or the sentence.
fn told(target: Option<&str>, host: &TestHost) -> String {
    match resolve(target, host) {
        Ok(Target::Live(endpoint)) => format!("pid {}", endpoint.process.pid),
        Ok(Target::File(path)) => format!("file {}", path.display()),
        Err(failure) => failure.to_string(),
    }
}

#[track_caller]
fn check(target: &str, expected: &str) {
    assert_eq!(told(Some(target), &host()), expected);
}

#[track_caller]
fn check_says(target: &str, parts: &[&str]) {
    let told = told(Some(target), &host());
    for part in parts {
        assert!(told.contains(part), "{part:?} is not in {told:?}");
    }
}

#[test]
fn digits_are_a_pid() {
    check("11", "pid 11");
}

#[test]
fn name_of_the_executable() {
    check("shop", "pid 11");
    check("pool-of-long-named-workers", "pid 12");
}

#[test]
fn name_of_the_process_as_ps_shows_it() {
    check("pool-of-long-na", "pid 12");
}

#[test]
fn files() {
    check("run.pb.gz", "file run.pb.gz");
    check("./99", "file ./99");
}

#[test]
fn a_process_goes_before_the_program_file_of_its_name() {
    check("shop", "pid 11");
}

#[test]
fn a_program_that_does_not_run() {
    check_says(
        "idle",
        &[
            "idle is a program",
            "hotpoll record -o profile.pb.gz -- ./idle",
        ],
    );
}

#[test]
fn several_of_a_name_are_listed() {
    check_says("twin", &["13", "14", "say which one", "hotpoll doctor 13"]);
}

#[test]
fn nobody_has_the_pid() {
    check_says("77", &["no process has PID 77", "hotpoll list"]);
    check_says("99", &["no process has PID 99", "say ./99"]);
    check_says("99999999999999999999", &["no process has PID"]);
}

#[test]
fn without_hotpoll() {
    check_says(
        "10",
        &[
            "process 10 (sleep) does not run hotpoll",
            "hotpoll::start()",
        ],
    );
    check_says("sleep", &["process 10 (sleep) does not run hotpoll"]);
}

#[test]
fn with_hotpoll_and_without_a_socket() {
    let mut host = host();
    host.processes = vec![(20, "mute", ME, false), (21, "child", ME, false)];
    for target in [Some("20"), Some("mute"), None] {
        let told = told(target, &host);
        assert!(
            told.starts_with(
                "process 20 (mute) runs hotpoll, but has no socket to be asked through: there is no /tmp.\n"
            ),
            "{told}"
        );
        assert!(told.contains("XDG_RUNTIME_DIR"), "{told}");
    }
    let told = told(Some("child"), &host);
    assert!(
        told.contains("is a child of process 11, which runs hotpoll"),
        "{told}"
    );
    assert!(
        told.contains("call hotpoll::start() in the child"),
        "{told}"
    );
}

#[test]
fn of_another_user() {
    check_says("15", &["belongs to bob", "sudo -u bob hotpoll doctor 15"]);
    check_says("vault", &["belongs to bob"]);
}

#[test]
fn ended() {
    check_says("16", &["has ended", "HOTPOLL_OUT"]);
}

#[test]
fn no_such_name() {
    check_says(
        "nothing",
        &["no live process is named nothing", "no such file"],
    );
}

/// A checkout has the name of its program.
#[test]
fn a_folder_is_the_last_thing_meant() {
    check_says("sleep", &["process 10 (sleep) does not run hotpoll"]);
    check_says("target", &["target is a folder", "name a file in it"]);
}

#[test]
fn an_empty_target_is_nobody() {
    check_says("", &["the TARGET is empty", "leave it out"]);
}

#[test]
fn no_profile() {
    check_says("notes.txt", &["not a profile"]);
    check_says(
        "locked.pb.gz",
        &["cannot read locked.pb.gz: Permission denied"],
    );
    check_says(
        "/no/such.pb.gz",
        &["there is no file /no/such.pb.gz", "hotpoll record"],
    );
}

#[test]
fn nothing_means_the_only_one() {
    let mut host = host();
    host.processes.retain(|row| row.0 <= 11 || row.2 == BOB);
    assert_eq!(told(None, &host), "pid 11");
    host.processes.retain(|row| row.0 != 11);
    assert!(told(None, &host).contains("belongs to bob"));
    host.processes.clear();
    assert!(told(None, &host).contains("hotpoll demo"));
}

#[test]
fn nothing_with_several_lists_them() {
    let told = told(None, &host());
    for part in ["11  shop", "13  twin", "say which one"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("vault"));
}

#[test]
fn live_commands_refuse_files() {
    let failure = resolve_live(Some("run.pb.gz"), &host()).unwrap_err();
    assert!(failure.to_string().contains("needs a live process"));
}
