//! A gRPC service: tonic's routes, codec and client, served by hyper-util with `hotpoll::Executor` (tonic's own `Server` takes none), and the client with
//! another one (`Endpoint::executor`). Every call is a tracked task of the server's that says where it waits, down to the service's own function.

use bytes::{Buf, BufMut};
use hotpoll_profile::{TaskKind, Tasks};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use tower_service::Service;

const CALLS: usize = 7;
/// Not a measure: a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn each_call_is_a_task_that_says_where_it_waits() {
    let _profiler = hotpoll::start().unwrap();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = hotpoll::runtime(&mut builder)
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let orders = Arc::new(Semaphore::new(0));
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        hotpoll::spawn_named("accept", serve(listener, Shop(Arc::clone(&orders))));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let endpoint = endpoint.executor(hotpoll::Executor::named("client"));
        let channel = endpoint.connect().await.unwrap();
        // The first ones' stacks have their leaf only, until there are unwind tables.
        let mut calls = Vec::new();
        until("calls that say where they wait", || {
            calls.extend((calls.len() < CALLS).then(|| tokio::spawn(order(channel.clone()))));
            if calls.len() == CALLS && waiting(&snapshot(), "call") < CALLS {
                hotpoll_hooks::tasks::refresh(CALLS, Duration::ZERO);
            }
            waiting(&snapshot(), "call") == CALLS
        })
        .await;
        let tasks = snapshot();
        assert_eq!(kind(&tasks, "call").unwrap().alive as usize, CALLS);
        assert_eq!(kind(&tasks, "connection").unwrap().alive, 1);
        // What tonic's client has driven by its executor.
        assert!(kind(&tasks, "client").unwrap().alive >= 1, "{tasks:?}");
        orders.add_permits(CALLS);
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), b"ordered: tea");
        }
        until("calls that have ended", || {
            kind(&snapshot(), "call").is_some_and(|kind| kind.completed as usize == CALLS)
        })
        .await;
    });
}

async fn serve(listener: TcpListener, shop: Shop) {
    let routes = Routes::new(shop).prepare();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = TowerToHyperService::new(routes.clone());
        hotpoll::spawn_named("connection", async move {
            let server = auto::Builder::new(hotpoll::Executor::named("call"));
            // The client hangs up at the end.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn order(channel: Channel) -> Result<Vec<u8>, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|error| Status::unknown(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static("/shop.Shop/Order");
    let answer = client
        .unary(Request::new(b"tea".to_vec()), path, Plain)
        .await?;
    Ok(answer.into_inner())
}

/// What tonic-build would write.
#[derive(Clone)]
struct Shop(Arc<Semaphore>);

type Future<T, E> = Pin<Box<dyn std::future::Future<Output = Result<T, E>> + Send>>;

impl tonic::server::NamedService for Shop {
    const NAME: &'static str = "shop.Shop";
}

impl Service<http::Request<tonic::body::Body>> for Shop {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Future<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        let shop = self.clone();
        Box::pin(async move { Ok(tonic::server::Grpc::new(Plain).unary(shop, request).await) })
    }
}

/// The call itself.
impl Service<Request<Vec<u8>>> for Shop {
    type Response = Response<Vec<u8>>;
    type Error = Status;
    type Future = Future<Response<Vec<u8>>, Status>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Vec<u8>>) -> Self::Future {
        let orders = Arc::clone(&self.0);
        Box::pin(async move {
            let permit = orders.acquire().await;
            permit.map_err(|_| Status::unavailable("closed"))?.forget();
            Ok(Response::new(
                [b"ordered: ", &request.into_inner()[..]].concat(),
            ))
        })
    }
}

/// Messages are their bytes.
struct Plain;

impl Codec for Plain {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut item = vec![0; from.remaining()];
        from.copy_to_slice(&mut item);
        Ok(Some(item))
    }
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

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", snapshot());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
