//! `hotpoll::Executor` where hyper-util's server and hyper's HTTP/2 client take one, as tonic gives it to them: what they spawn are tracked tasks, each of
//! its own kind, and says where it waits.

use bytes::Bytes;
use hotpoll_profile::{TaskKind, Tasks};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const REQUESTS: usize = 7;
/// Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn streams_of_a_connection_are_tracked() {
    let _profiler = hotpoll::start().unwrap();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let orders = Arc::new(Semaphore::new(0));
    let answers = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        hotpoll::spawn_named("accept", serve(listener, Arc::clone(&orders)));
        let stream = TcpStream::connect(address).await.unwrap();
        let executor = hotpoll::Executor::named("client");
        let (requests, connection) =
            hyper::client::conn::http2::handshake(executor, TokioIo::new(stream))
                .await
                .unwrap();
        hotpoll::spawn_named("client connection", connection);
        let answers: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let mut requests = requests.clone();
                let request = Request::get("http://shop/order").body(Empty::<Bytes>::new());
                tokio::spawn(async move {
                    let answer = requests.send_request(request.unwrap()).await.unwrap();
                    answer.into_body().collect().await.unwrap().to_bytes()
                })
            })
            .collect();
        // All of them wait for an order; each is a task of the server's, and says where.
        until("streams that wait", |tasks| {
            let streams = kind(tasks, "stream");
            let all = streams.is_some_and(|kind| kind.alive as usize == REQUESTS);
            let shown = waiting(tasks, "stream");
            // Those that began to wait before there were unwind tables have their leaf only.
            if all && shown < REQUESTS {
                hotpoll_hooks::tasks::refresh(REQUESTS, Duration::ZERO);
            }
            all && shown == REQUESTS
        })
        .await;
        let tasks = snapshot();
        assert_eq!(kind(&tasks, "server connection").unwrap().alive, 1);
        assert_eq!(kind(&tasks, "client connection").unwrap().alive, 1);
        // hyper's client has its half of the connection driven by its executor.
        assert!(kind(&tasks, "client").unwrap().spawned >= 1);
        orders.add_permits(REQUESTS);
        let mut texts = Vec::new();
        for answer in answers {
            texts.push(answer.await.unwrap());
        }
        texts
    });
    assert_eq!(
        answers,
        [const { Bytes::from_static(b"ordered") }; REQUESTS]
    );
    // An answer is here before the poll that gave it has ended.
    runtime.block_on(until("streams that have ended", |tasks| {
        kind(tasks, "stream").is_some_and(|kind| kind.completed as usize == REQUESTS)
    }));
    let streams = kind(&snapshot(), "stream").unwrap().clone();
    assert_eq!(streams.spawned as usize, REQUESTS);
    assert!(streams.polls as usize >= 2 * REQUESTS, "{streams:?}");
}

/// What tonic's `Endpoint::executor` asks of one.
#[test]
fn it_is_what_tonic_takes() {
    fn takes<E>(_: E)
    where
        E: hyper::rt::Executor<Pin<Box<dyn Future<Output = ()> + Send>>> + Send + Sync + 'static,
    {
    }
    takes(hotpoll::Executor::new());
}

async fn serve(listener: TcpListener, orders: Arc<Semaphore>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let orders = Arc::clone(&orders);
        let service = service_fn(move |_: Request<Incoming>| order(Arc::clone(&orders)));
        hotpoll::spawn_named("server connection", async move {
            let server = auto::Builder::new(hotpoll::Executor::named("stream"));
            let connection = server.serve_connection(TokioIo::new(stream), service);
            // The client hangs up at the end.
            let _ = connection.await;
        });
    }
}

async fn order(orders: Arc<Semaphore>) -> Result<Response<Full<Bytes>>, Infallible> {
    orders.acquire().await.unwrap().forget();
    Ok(Response::new(Full::new(Bytes::from_static(b"ordered"))))
}

/// The tasks now, with stacks of any length but none.
fn snapshot() -> Tasks {
    hotpoll_hooks::tasks::snapshot(&mut |stack| vec![0; stack.len()], Default::default())
}

fn kind<'t>(tasks: &'t Tasks, name: &str) -> Option<&'t TaskKind> {
    tasks.kinds.iter().find(|kind| kind.name == name)
}

/// How many tasks of the kind say where they wait, some frames deep.
fn waiting(tasks: &Tasks, name: &str) -> usize {
    let Some(kind) = kind(tasks, name) else {
        return 0;
    };
    let of_kind = tasks.tasks.iter().filter(|task| task.kind == kind.id);
    of_kind
        .filter(|task| task.waits.iter().any(|wait| wait.stack.len() > 4))
        .count()
}

async fn until(what: &str, is_so: impl Fn(&Tasks) -> bool) {
    let begun = Instant::now();
    while !is_so(&snapshot()) {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", snapshot());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
