//! Clients that do not behave: the host lives on, and serves the next one.

use crate::Test;
use crate::host::{Connection, Folder, Host, wait_until};
use crate::socket::{ALL, is_well};
use hotpoll_profile::protocol::{ErrorCode, Fetch, Request, Response};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

pub const TESTS: &[Test] = &[
    ("clients::half_a_request", half_a_request),
    ("clients::junk", junk),
    ("clients::a_request_too_long", a_request_too_long),
    ("clients::another_version", another_version),
    ("clients::a_hundred_clients", a_hundred_clients),
    (
        "clients::a_client_that_stops_reading",
        a_client_that_stops_reading,
    ),
    ("clients::clients_that_go_at_once", clients_that_go_at_once),
    (
        "clients::others_are_answered_during_a_refresh",
        others_are_answered_during_a_refresh,
    ),
];

/// A refresh was one piece of the socket thread's work: with a hundred thousand tasks nobody else was answered for a second.
fn others_are_answered_during_a_refresh() {
    let folder = Folder::new();
    let host = folder.start_ready("many-tasks 20000", &[]);
    // We may not have had a processor while it ran: then there is another.
    let answers: Vec<u32> = (0..5)
        .map(|_| answers_during_a_refresh(&host))
        .take_while(|answers| *answers < 3)
        .collect();
    assert!(answers.len() < 5, "{answers:?}");
}

/// How many answers came between somebody's asking for a refresh and the answer to that.
fn answers_during_a_refresh(host: &Host) -> u32 {
    let refresh = Request::Fetch(Fetch {
        snapshot: true,
        refresh: true,
        last_ns: 1,
        ..Fetch::default()
    });
    let mut asker = host.connect();
    asker.send(&refresh.encode());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let response = asker.response();
            done.store(true, Ordering::Relaxed);
            assert!(matches!(response, Some(Response::Profile(_))));
        });
        let mut answers = 0;
        while !done.load(Ordering::Relaxed) {
            assert!(matches!(host.ask(&Request::Status), Response::Status(_)));
            answers += u32::from(!done.load(Ordering::Relaxed));
        }
        answers
    })
}

fn error(connection: &mut Connection) -> (ErrorCode, String) {
    match connection.response() {
        Some(Response::Error(reply)) => (reply.code(), reply.sentence),
        other => panic!("not an error: {other:?}"),
    }
}

fn half_a_request() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    let bytes = ALL.encode();
    let mut connections: Vec<Connection> = (0..10).map(|_| host.connect()).collect();
    for (length, connection) in connections.iter_mut().enumerate() {
        connection.send(&bytes[..length]);
    }
    is_well(&mut host);
    // They are let go, without an answer.
    for connection in &mut connections {
        assert!(connection.response().is_none());
    }
    is_well(&mut host);
}

fn junk() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    for junk in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 3_000],
        b"hpoX",
        b"\n",
    ] {
        let mut connection = host.connect();
        connection.send(junk);
        let (code, sentence) = error(&mut connection);
        assert_eq!(code, ErrorCode::Malformed);
        assert!(
            sentence.contains("does not speak hotpoll's protocol"),
            "{sentence}"
        );
        assert!(connection.response().is_none());
        is_well(&mut host);
    }
}

fn a_request_too_long() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    let mut connection = host.connect();
    let mut bytes = Request::Status.encode();
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    connection.send(&bytes);
    let (code, sentence) = error(&mut connection);
    assert_eq!(code, ErrorCode::Malformed);
    assert!(sentence.contains("4294967295 bytes"), "{sentence}");
    is_well(&mut host);
}

fn another_version() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    let mut connection = host.connect();
    let mut bytes = Request::Status.encode();
    bytes[4..6].copy_from_slice(&9_u16.to_le_bytes());
    connection.send(&bytes);
    let (code, sentence) = error(&mut connection);
    assert_eq!(code, ErrorCode::OtherVersion);
    assert!(sentence.contains("this command speaks 9"), "{sentence}");
    // A kind that a later version may add.
    let mut bytes = Request::Status.encode();
    bytes[8..10].copy_from_slice(&999_u16.to_le_bytes());
    connection.send(&bytes);
    assert_eq!(error(&mut connection).0, ErrorCode::UnknownRequest);
    // Neither has cost the connection.
    connection.send(&Request::Status.encode());
    assert!(matches!(connection.response(), Some(Response::Status(_))));
    is_well(&mut host);
}

fn a_hundred_clients() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    // Who is silent for three seconds is let go, and on a machine that stands still for so long all are: then another hundred come.
    let told: Vec<Hundred> = (0..3)
        .map(|_| {
            let told = hundred(&host);
            wait_until("a free place", || {
                matches!(host.ask(&Request::Status), Response::Status(_))
            });
            told
        })
        .take_while(|told| told.let_go > 0)
        .collect();
    assert!(told.len() < 3, "{told:?}");
    is_well(&mut host);
}

#[derive(Debug, Default)]
struct Hundred {
    served: u32,
    refused: u32,
    let_go: u32,
}

/// A hundred clients at once.
fn hundred(host: &Host) -> Hundred {
    let mut connections: Vec<Connection> = (0..100).map(|_| host.connect()).collect();
    let mut told = Hundred::default();
    for connection in &mut connections {
        // Refused ones may be closed already.
        let _ = connection.stream.write_all(&Request::Status.encode());
    }
    for connection in &mut connections {
        match connection.response() {
            Some(Response::Status(_)) => told.served += 1,
            Some(Response::Error(reply)) => {
                assert_eq!(reply.code(), ErrorCode::Busy);
                assert!(
                    reply.sentence.contains("try again in a moment"),
                    "{}",
                    reply.sentence
                );
                told.refused += 1;
            }
            None => told.let_go += 1,
            other => panic!("neither served nor refused: {other:?}"),
        }
    }
    if told.let_go == 0 {
        assert_eq!((told.served, told.refused), (64, 36));
    }
    told
}

fn a_client_that_stops_reading() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    let mut stuck: Vec<Connection> = (0..3).map(|_| host.connect()).collect();
    for connection in &mut stuck {
        // More answers than the socket's buffer holds; the host reads on only when one was taken.
        connection.stream.set_nonblocking(true).expect("a socket");
        while connection.stream.write(&ALL.encode()).is_ok() {}
        connection.stream.set_nonblocking(false).expect("a socket");
    }
    let before = host.status();
    wait_until("slices go on", || {
        is_well(&mut host);
        host.status().last_sequence > before.last_sequence + 2
    });
    assert_eq!(host.status().lost().total(), 0, "the drain was never late");
    // They are let go: what was sent can be read, and then comes the end.
    for connection in &mut stuck {
        while connection.response().is_some() {}
    }
    is_well(&mut host);
}

fn clients_that_go_at_once() {
    let folder = Folder::new();
    let mut host = folder.start_ready("busy", &[]);
    for _ in 0..200 {
        host.connect().send(&ALL.encode());
        drop(host.connect());
    }
    wait_until("a free place", || {
        matches!(host.ask(&Request::Status), Response::Status(_))
    });
    // Nobody is left behind: with the test's own connection there is one.
    wait_until("all are gone", || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", host.pid())).expect("its descriptors");
        let links = fds
            .flatten()
            .filter_map(|fd| std::fs::read_link(fd.path()).ok());
        links
            .filter(|link| link.to_string_lossy().starts_with("socket:"))
            .count()
            == 1
    });
    is_well(&mut host);
}
