//! The loopback server around the simulated service: hyper itself, because the faults must reach the socket.
//!
//! Runs on its own thread and runtime, so that a job in the same process uses real sockets and does not share its
//! threads. Must not listen anywhere but on loopback, and must not decide anything: [`Service`] does.

use std::error::Error as _;
use std::future::{pending, poll_fn, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::faults::{Answer, Delivery};
use super::ledger::Ledger;
use super::scenario::Scenario;
use super::service::Service;
use super::tally::Tally;
use crate::number::PhoneNumber;

/// How long a stop waits for replies that are being sent. Stalled requests never end by themselves.
const GRACE: Duration = Duration::from_millis(200);
/// How long to pause when a connection cannot be accepted (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// The most requests that wait for their reply: more than there can be sockets.
const MAX_IN_FLIGHT: u32 = 1 << 20;
/// White space for a flood, sent in pieces of this size.
static SPACES: [u8; 1 << 16] = [b' '; 1 << 16];

/// A running simulator. It stops when it is dropped.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The sender that stops its thread, and the thread.
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is not on loopback.
    #[error("the simulator listens on loopback only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The address is not available, or no thread can be started.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

struct Shared {
    service: Mutex<Service>,
    started: Instant,
    /// Each request that has no reply yet holds a permit.
    permits: Semaphore,
}

impl Simulator {
    /// Starts a simulator on a loopback address; port 0 chooses a free one.
    ///
    /// # Errors
    /// If the address is not on loopback or not available, or if no thread can be started.
    pub fn start(scenario: Scenario, address: SocketAddr) -> Result<Self, StartError> {
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        Self::listen(scenario, address).map_err(|source| StartError::Listen { address, source })
    }

    fn listen(scenario: Scenario, address: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let address = listener.local_addr()?;
        let service = Mutex::new(Service::new(scenario));
        let permits = Semaphore::new(MAX_IN_FLIGHT as usize);
        let shared = Arc::new(Shared { service, started: Instant::now(), permits });
        let (stop, stopped) = oneshot::channel();
        let serve = serve(listener, Arc::clone(&shared), stopped);
        let thread = std::thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self { address, shared, running: Some((stop, thread)) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The counts of its requests, replies and faults so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.service().tally().clone()
    }

    /// What really happened to the numbers.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.service().ledger()
    }

    /// The counts of the requests for an account and region.
    #[must_use]
    pub fn tally_of(&self, account: &str, region: &str) -> Tally {
        self.shared.service().tally_of(account, region)
    }

    /// Puts numbers on a connector of an account and region before the first request, so that a listing shows them. Does
    /// nothing if the scenario has connectors: it says itself what there is.
    pub fn hold(&self, lane: (&str, &str), connector: &str, numbers: impl IntoIterator<Item = PhoneNumber>) {
        self.shared.service().hold(lane, Some(connector), numbers);
    }

    /// Adds numbers that are associated with nothing, as [`hold`](Self::hold).
    pub fn hold_unassigned(&self, lane: (&str, &str), numbers: impl IntoIterator<Item = PhoneNumber>) {
        self.shared.service().hold(lane, None, numbers);
    }

    /// Stops it, and waits until its thread is gone. Replies that are being sent have a moment to finish.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            // A panic of that thread has been printed by then; a drop must not add a second one.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Bytes>) -> Answer {
        #[expect(
            clippy::disallowed_methods,
            reason = "the shell of the simulator, where its time comes from"
        )]
        let now = Timestamp::now();
        let in_flight = MAX_IN_FLIGHT as usize - self.permits.available_permits();
        let mut service = self.service();
        service.note_in_flight(u32::try_from(in_flight).unwrap_or(MAX_IN_FLIGHT));
        service.answer(request, now, self.started.elapsed())
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&shared)));
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    let _ = timeout(GRACE, shared.permits.acquire_many(MAX_IN_FLIGHT)).await;
}

/// Serves one connection until it ends, perhaps by a fault of the scenario.
async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // Without it, a reply may wait for the acknowledgment of the last one. Failing to set it only costs speed.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        // Boxed, so that the connection can be moved and taken apart below.
        Box::pin(async move { respond(request, &shared).await })
    });
    let mut http = http1::Builder::new();
    let mut connection = http.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
    let is_reset = |error: hyper::Error| {
        let error = error.source().and_then(|error| error.downcast_ref::<io::Error>());
        error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
    };
    if ended.is_err_and(is_reset) {
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

type Payload = UnsyncBoxBody<Bytes, io::Error>;

/// # Errors
/// How the connection ends instead of a reply.
async fn respond(request: Request<Incoming>, shared: &Shared) -> io::Result<Response<Payload>> {
    let _in_flight = shared.permits.acquire().await.map_err(io::Error::other)?;
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    let Answer { delay, delivery } = shared.answer(&Request::from_parts(head, body.to_bytes()));
    if !delay.is_zero() {
        sleep(delay).await;
    }
    match delivery {
        Delivery::Reply(response) => {
            Ok(response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync()))
        }
        Delivery::Cut(response, after) => Ok(promised(response).map(|body| {
            // Let hyper write what it has first: an error discards its buffer.
            let cut = stream::once(async {
                tokio::task::yield_now().await;
                Err(io::ErrorKind::ConnectionAborted.into())
            });
            streamed(stream::once(ready(Ok(body.slice(..after.min(body.len()))))).chain(cut))
        })),
        Delivery::Drip(response, every) => Ok(promised(response).map(|body| {
            streamed(stream::iter(body).then(move |byte| async move {
                sleep(every).await;
                Ok(Bytes::from(vec![byte]))
            }))
        })),
        Delivery::Flood(response, bytes) => Ok(response.map(|body| {
            let starts = (0..bytes).step_by(SPACES.len());
            let piece = move |start| usize::try_from(bytes - start).unwrap_or(usize::MAX).min(SPACES.len());
            let spaces = starts.map(move |start| Bytes::from_static(&SPACES[..piece(start)]));
            streamed(stream::iter([body].into_iter().chain(spaces).map(Ok)))
        })),
        Delivery::Drop => Err(io::ErrorKind::ConnectionAborted.into()),
        Delivery::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        Delivery::Stall => pending().await,
    }
}

/// Adds the `Content-Length`, which hyper cannot know for a stream.
fn promised(mut response: Response<Bytes>) -> Response<Bytes> {
    let length = response.body().len().into();
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

fn streamed(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Payload {
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}
