//! Conversations with a process that says what the test wants.

use super::*;
use crate::live::ProcessFacts;
use hotpoll_profile::protocol::{ErrorCode, Frame};
use std::os::unix::net::UnixListener;
use std::thread;

/// The socket of a process, which is this one, and its folder.
fn listen(name: &str) -> (Endpoint, UnixListener, PathBuf) {
    let folder = std::env::temp_dir().join(format!("hotpoll-test-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("1-2.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let process = ProcessFacts {
        pid: std::process::id(),
        name: "shop".to_owned(),
        ..ProcessFacts::default()
    };
    (Endpoint { process, socket }, listener, folder)
}

/// Answers the next client's requests with these, each in pieces, and hangs up.
fn converse(listener: &UnixListener, answers: Vec<Vec<u8>>) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut requests = FrameDecoder::for_requests();
    for answer in answers {
        let mut buffer = [0; 64];
        while requests.next().unwrap().is_none() {
            let read = stream.read(&mut buffer).unwrap();
            requests.push(&buffer[..read]);
        }
        for piece in answer.chunks(7) {
            // Who has seen enough may be gone before the rest.
            let _ = stream.write_all(piece);
        }
    }
}

/// A process that answers each request with the next of these, in pieces, and then goes away.
pub(crate) fn process(name: &str, answers: Vec<Vec<u8>>) -> (Endpoint, thread::JoinHandle<()>) {
    let (endpoint, listener, folder) = listen(name);
    let thread = thread::spawn(move || {
        converse(&listener, answers);
        drop(listener);
        std::fs::remove_dir_all(folder).unwrap();
    });
    (endpoint, thread)
}

fn status() -> Status {
    Status {
        pid: 7,
        name: "shop".to_owned(),
        ..Status::default()
    }
}

#[test]
fn several_questions_in_one_conversation() {
    let profile = Profile {
        duration_ns: 5,
        ..Profile::default()
    };
    let (endpoint, thread) = process(
        "several",
        vec![
            Response::Status(Box::new(status())).encode(),
            Response::Profile(pprof::encode(&profile)).encode(),
        ],
    );
    let mut client = Client::connect(&endpoint).unwrap();
    assert_eq!(client.status().unwrap(), status());
    assert_eq!(client.fetch(Fetch::default()).unwrap().duration_ns, 5);
    assert!(client.status().unwrap_err().is_gone());
    thread.join().unwrap();
    assert!(Client::connect(&endpoint).unwrap_err().is_gone());
}

#[track_caller]
fn check(name: &str, answer: Vec<u8>, parts: &[&str]) {
    let (endpoint, thread) = process(name, vec![answer]);
    let error = Client::connect(&endpoint).unwrap().status().unwrap_err();
    let sentence = error.failure(&endpoint).to_string();
    for part in parts {
        assert!(sentence.contains(part), "{part:?} is not in {sentence:?}");
    }
    thread.join().unwrap();
}

#[test]
fn it_says_no() {
    let reply = ErrorReply::new(ErrorCode::Stopped, "Sampling is stopped; start it again.");
    check(
        "no",
        Response::Error(reply).encode(),
        &["(shop): Sampling is stopped", "again."],
    );
}

/// A busy process says so to whoever connects, before any question, and hangs up.
#[test]
fn busy_and_then_not() {
    let (endpoint, listener, folder) = listen("busy");
    let thread = thread::spawn(move || {
        let reply = ErrorReply::new(ErrorCode::Busy, "64 clients are being served");
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .write_all(&Response::Error(reply.clone()).encode())
                .unwrap();
        }
        converse(
            &listener,
            vec![Response::Status(Box::new(status())).encode()],
        );
        std::fs::remove_dir_all(folder).unwrap();
    });
    let mut client = Client::connect(&endpoint).unwrap();
    assert_eq!(client.status().unwrap(), status());
    thread.join().unwrap();
}

/// A stopped process takes nobody from its queue, and when that is full the kernel lets others wait for as long as they will.
#[test]
fn a_full_queue() {
    let (endpoint, listener, folder) = listen("queue");
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
    let mut queue = Vec::new();
    let error = loop {
        match Client::connect(&endpoint) {
            Ok(client) => queue.push(client),
            Err(error) => break error,
        }
        assert!(queue.len() < 10, "the queue has no end");
    };
    assert!(error.is_silence(), "{error:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn another_version() {
    let mut frame = Frame {
        major: 9,
        minor: 0,
        kind: 2,
        payload: Vec::new(),
    };
    check(
        "newer",
        frame.encode(),
        &["protocol 9", "update the command"],
    );
    frame.major = 0;
    check(
        "older",
        frame.encode(),
        &["protocol 0", "rebuild the process"],
    );
}

#[test]
fn something_else_entirely() {
    check(
        "junk",
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        &["does not speak hotpoll"],
    );
}

#[test]
fn half_an_answer() {
    let mut half = Response::Status(Box::new(status())).encode();
    half.truncate(18);
    check("half", half, &["has ended"]);
}

#[test]
fn an_answer_to_another_question() {
    let answer = Response::Profile(pprof::encode(&Profile::default())).encode();
    check("other", answer, &["a profile that was not asked for"]);
}

#[test]
fn somebody_else_at_the_socket() {
    let (mut endpoint, thread) = process("impostor", Vec::new());
    endpoint.process.pid += 1;
    // The path leads through /proc/PID/root: any living process's will do.
    endpoint.process.pid = 1;
    if std::fs::read_link("/proc/1/root").is_err() {
        // Not ours to look into; then connecting is refused before anybody could answer.
        assert!(Client::connect(&endpoint).is_err());
        let _ = UnixStream::connect(&endpoint.socket);
    } else {
        let error = Client::connect(&endpoint).unwrap_err();
        assert!(matches!(error, AskError::Impostor { .. }), "{error:?}");
    }
    thread.join().unwrap();
}

#[test]
fn long_folders() {
    let folder = std::env::temp_dir().join(format!(
        "hotpoll-{}-{}",
        std::process::id(),
        "x".repeat(120)
    ));
    std::fs::create_dir_all(&folder).unwrap();
    // Bound by way of the folder, as the address would not fit either.
    let open = File::open(&folder).unwrap();
    let short = format!("/proc/self/fd/{}/s", open.as_raw_fd());
    let _listener = UnixListener::bind(short).unwrap();
    assert!(connect(&folder.join("s")).is_ok());
    std::fs::remove_dir_all(&folder).unwrap();
}
