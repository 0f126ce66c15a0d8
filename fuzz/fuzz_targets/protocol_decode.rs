//! Any bytes as the socket's stream: the same frames whatever the pieces; every message that is understood can be sent again.
#![no_main]

use hotpoll_profile::protocol::{Frame, FrameDecoder, ProtocolError, Request, Response};
use libfuzzer_sys::fuzz_target;

fn frames(stream: &[u8], piece: usize) -> (Vec<Frame>, Option<ProtocolError>) {
    let mut decoder = FrameDecoder::with_limit(1 << 16);
    let mut found = Vec::new();
    for bytes in stream.chunks(piece) {
        decoder.push(bytes);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

fuzz_target!(|input: &[u8]| {
    let Some((&piece, stream)) = input.split_first() else {
        return;
    };
    let (whole, error) = frames(stream, stream.len().max(1));
    assert_eq!(
        frames(stream, usize::from(piece).max(1)),
        (whole.clone(), error)
    );

    for frame in whole {
        if let Ok(request) = Request::from_frame(&frame) {
            let (again, _) = frames(&request.encode(), 1 << 16);
            assert_eq!(Request::from_frame(&again[0]), Ok(request));
        }
        if let Ok(response) = Response::from_frame(frame) {
            let bytes = response.clone().encode();
            let (again, _) = frames(&bytes, 1 << 16);
            let again =
                Response::from_frame(again[0].clone()).expect("what was sent is understood");
            // By bytes: a rate that is not a number equals nothing.
            assert_eq!(again.encode(), bytes);
            if let Response::Status(status) = response {
                status.lost().total();
                status.overhead();
            }
        }
    }
});
