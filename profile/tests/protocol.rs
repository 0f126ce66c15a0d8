//! The socket's protocol: what is sent arrives, in pieces of any size; what is none of it is told apart; versions far apart understand
//! that they do not understand each other.

use hotpoll_profile::protocol::{
    AgentThread, DoctorReport, EngineCount, ErrorCode, ErrorReply, Fetch, Frame, FrameDecoder,
    MAJOR, MAX_REQUEST_BYTES, MINOR, OtherVersion, ProtocolError, Request, Response, Status,
    UnwindModule, frame,
};
use hotpoll_profile::{Engine, EngineReason, Loss, Reason, Truncation};
use proptest::collection::vec;
use proptest::prelude::*;

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Status),
        Just(Request::Doctor),
        (any::<[u64; 3]>(), any::<[bool; 2]>()).prop_map(
            |([since_sequence, last_ns, wait_ns], [snapshot, refresh])| Request::Fetch(Fetch {
                since_sequence,
                last_ns,
                wait_ns,
                snapshot,
                refresh,
            })
        ),
    ]
}

prop_compose! {
    fn status()(
        [name, engine_setting, hotpoll_version] in any::<[String; 3]>(),
        [pid, threads] in any::<[u32; 2]>(),
        numbers in any::<[u64; 14]>(),
        lost_counts in vec(any::<u64>(), 0..5),
        notices in vec(any::<String>(), 0..3),
        [asked_hz, delivered_hz] in [0.0..1e4, 0.0..1e4],
        stopped in any::<bool>(),
    ) -> Status {
        Status {
            pid,
            name,
            start_ticks: numbers[0],
            start_unix_ns: numbers[1],
            uptime_ns: numbers[2],
            threads,
            engine_setting,
            asked_hz,
            delivered_hz,
            cpu_ns: numbers[3],
            handler_ns: numbers[4],
            delivery_ns: numbers[5],
            agent_cpu_ns: numbers[6],
            fired: numbers[7],
            lost_counts,
            last_sequence: numbers[8],
            hotpoll_version,
            recorder_span_ns: numbers[9],
            recorder_limit_ns: numbers[10],
            recorder_bytes: numbers[11],
            recorder_limit_bytes: numbers[12],
            stopped,
            notices,
        }
    }
}

prop_compose! {
    fn doctor()(
        [kernel_release, perf_denied] in any::<[String; 2]>(),
        perf_event_paranoid in any::<Option<i32>>(),
        engines in vec(any::<[u32; 3]>(), 0..4),
        modules in vec((any::<String>(), vec(any::<u8>(), 0..21), any::<[bool; 2]>(), any::<[u64; 4]>()), 0..4),
        agent_threads in vec((any::<u32>(), any::<String>(), any::<u64>()), 0..4),
    ) -> DoctorReport {
        DoctorReport {
            kernel_release,
            perf_denied,
            perf_event_paranoid,
            engines: engines
                .into_iter()
                .map(|[engine_index, reason_index, threads]| EngineCount { engine_index, reason_index, threads })
                .collect(),
            modules: modules
                .into_iter()
                .map(|(path, build_id, [has_eh_frame, ready], [rows, unsupported_rows, table_bytes, compile_ns])| UnwindModule {
                    path,
                    build_id,
                    has_eh_frame,
                    ready,
                    rows,
                    unsupported_rows,
                    table_bytes,
                    compile_ns,
                })
                .collect(),
            agent_threads: agent_threads
                .into_iter()
                .map(|(tid, name, cpu_ns)| AgentThread { tid, name, cpu_ns })
                .collect(),
            ..DoctorReport::default()
        }
    }
}

fn response() -> impl Strategy<Value = Response> {
    prop_oneof![
        status().prop_map(|status| Response::Status(Box::new(status))),
        doctor().prop_map(|report| Response::Doctor(Box::new(report))),
        vec(any::<u8>(), 0..300).prop_map(Response::Profile),
        (any::<u32>(), any::<String>()).prop_map(|(code_number, sentence)| Response::Error(
            ErrorReply {
                code_number,
                sentence
            }
        )),
    ]
}

/// What a decoder finds when the stream arrives in pieces of these sizes, over and over.
fn frames(
    decoder: &mut FrameDecoder,
    stream: &[u8],
    pieces: &[usize],
) -> Result<Vec<Frame>, ProtocolError> {
    let mut found = Vec::new();
    let mut rest = stream;
    let mut sizes = pieces.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| *size);
        let (piece, after) = rest.split_at(size.clamp(1, rest.len()));
        rest = after;
        decoder.push(piece);
        while let Some(frame) = decoder.next()? {
            found.push(frame);
        }
    }
    Ok(found)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_arrive(requests in vec(request(), 0..5), pieces in vec(1..40usize, 0..4)) {
        let stream: Vec<u8> = requests.iter().flat_map(Request::encode).collect();
        let mut decoder = FrameDecoder::for_requests();
        let arrived: Result<Vec<Request>, _> =
            frames(&mut decoder, &stream, &pieces)?.iter().map(Request::from_frame).collect();
        prop_assert_eq!(arrived, Ok(requests));
        prop_assert!(!decoder.is_inside_frame());
    }

    #[test]
    fn responses_arrive(responses in vec(response(), 0..5), pieces in vec(1..400usize, 0..4)) {
        let stream: Vec<u8> = responses.iter().cloned().flat_map(Response::encode).collect();
        let mut decoder = FrameDecoder::for_responses();
        let arrived: Result<Vec<Response>, _> =
            frames(&mut decoder, &stream, &pieces)?.into_iter().map(Response::from_frame).collect();
        prop_assert_eq!(arrived, Ok(responses));
        prop_assert!(!decoder.is_inside_frame());
    }

    #[test]
    fn junk_is_told_apart_whatever_the_pieces(stream in vec(any::<u8>(), 1..100), pieces in vec(1..40usize, 0..4)) {
        let mut decoder = FrameDecoder::for_requests();
        let whole = frames(&mut FrameDecoder::for_requests(), &stream, &[]);
        prop_assert_eq!(frames(&mut decoder, &stream, &pieces), whole);
    }

    #[test]
    fn a_damaged_message_does_no_harm(
        response in response(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut stream = response.encode();
        for (at, byte) in damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        for frame in frames(&mut FrameDecoder::for_responses(), &stream, &[]).unwrap_or_default() {
            let _ = Request::from_frame(&frame);
            let _ = Response::from_frame(frame);
        }
    }
}

#[test]
fn half_a_frame_waits() {
    let stream = Request::Fetch(Fetch {
        since_sequence: 300,
        ..Fetch::default()
    })
    .encode();
    let mut decoder = FrameDecoder::for_requests();
    assert_eq!(decoder.missing(), frame::HEADER_BYTES);
    for (at, byte) in stream.iter().enumerate() {
        assert_eq!(decoder.next(), Ok(None), "after {at} bytes");
        decoder.push(&[*byte]);
        assert!(decoder.is_inside_frame());
    }
    assert_eq!(decoder.missing(), 0);
    assert!(decoder.next().unwrap().is_some());
    assert!(!decoder.is_inside_frame());
}

#[test]
fn junk_is_told_apart_at_its_first_byte() {
    let mut decoder = FrameDecoder::for_requests();
    decoder.push(b"G");
    assert_eq!(decoder.next(), Err(ProtocolError::NotHotpoll));
    // And stays so: there is no telling where a frame begins.
    decoder.push(&Request::Status.encode());
    assert_eq!(decoder.next(), Err(ProtocolError::NotHotpoll));
}

#[test]
fn a_length_over_the_limit_is_refused_before_its_bytes_come() {
    let mut header = Request::Status.encode();
    header[12..16].copy_from_slice(&(MAX_REQUEST_BYTES + 1).to_le_bytes());
    let mut decoder = FrameDecoder::for_requests();
    decoder.push(&header);
    assert_eq!(
        decoder.next(),
        Err(ProtocolError::TooLong {
            length: MAX_REQUEST_BYTES + 1,
            limit: MAX_REQUEST_BYTES,
        })
    );
}

fn in_version(mut message: Vec<u8>, major: u16) -> Frame {
    message[4..6].copy_from_slice(&major.to_le_bytes());
    let mut decoder = FrameDecoder::for_responses();
    decoder.push(&message);
    decoder.next().unwrap().unwrap()
}

#[test]
fn a_newer_command_is_answered_with_a_sentence_that_it_understands() {
    let request = in_version(Request::Status.encode(), MAJOR + 1);
    let error = Request::from_frame(&request).unwrap_err();
    let reply = ErrorReply::from(error);
    assert_eq!(reply.code(), ErrorCode::OtherVersion);
    assert_eq!(
        reply.sentence,
        "the process runs hotpoll protocol 1; this command speaks 2: rebuild the process with the command's hotpoll, or use a \
         command of the process's version"
    );
    // The reply is in the process's version, which is not the command's.
    let answer = in_version(Response::Error(reply.clone()).encode(), MAJOR + 7);
    assert_eq!(Response::from_frame(answer), Ok(Response::Error(reply)));
}

#[test]
fn an_older_command_says_that_it_has_to_be_updated() {
    let answer = in_version(Response::Profile(vec![1, 2, 3]).encode(), MAJOR + 1);
    let error = Response::from_frame(answer).unwrap_err();
    assert_eq!(
        error,
        ProtocolError::OtherVersion(OtherVersion {
            process: MAJOR + 1,
            command: MAJOR,
        })
    );
    assert_eq!(
        error.to_string(),
        "the process runs hotpoll protocol 2; this command speaks 1: update the command"
    );
}

#[test]
fn a_request_of_a_later_minor_version_is_answered() {
    let frame = Frame {
        major: MAJOR,
        minor: MINOR + 1,
        kind: 999,
        payload: vec![],
    };
    let error = Request::from_frame(&frame).unwrap_err();
    assert_eq!(error, ProtocolError::UnknownKind(999));
    assert_eq!(ErrorReply::from(error).code(), ErrorCode::UnknownRequest);
}

#[test]
fn a_field_of_a_later_minor_version_is_skipped() {
    let fetch = Fetch {
        since_sequence: 5,
        last_ns: 6,
        wait_ns: 7,
        snapshot: true,
        refresh: false,
    };
    let mut frame = in_version(Request::Fetch(fetch).encode(), MAJOR);
    // Field 99, a varint.
    frame.payload.extend_from_slice(&[0x98, 0x06, 1]);
    assert_eq!(Request::from_frame(&frame), Ok(Request::Fetch(fetch)));
}

#[test]
fn the_header_keeps_its_form() {
    assert_eq!(
        Request::Doctor.encode(),
        b"hpol\x01\0\x01\0\x05\0\0\0\0\0\0\0",
        "commands of every version begin like this"
    );
}

#[test]
fn counts_keep_their_reasons() {
    let status = Status {
        lost_counts: vec![0, 3],
        ..Status::default()
    };
    assert_eq!(status.lost().get(Loss::StaleSlot), 3);
    let report = DoctorReport {
        truncated_counts: vec![90, 10],
        ..DoctorReport::default()
    };
    assert_eq!(report.truncated().get(Truncation::Depth), 10);
    for engine in Engine::ALL {
        for reason in EngineReason::ALL {
            let count = EngineCount::new(*engine, *reason, 3);
            assert_eq!(count.engine(), Some(*engine));
            assert_eq!(count.reason(), Some(*reason));
        }
    }
    let later = EngineCount {
        engine_index: 99,
        ..EngineCount::default()
    };
    assert_eq!(later.engine(), None);
}

#[test]
fn overhead_is_a_share_of_what_ran() {
    let mut status = Status {
        handler_ns: 1,
        delivery_ns: 4,
        cpu_ns: 1000,
        ..Status::default()
    };
    assert_eq!(status.overhead(), Some(0.005));
    status.cpu_ns = 0;
    assert_eq!(status.overhead(), None);
}
