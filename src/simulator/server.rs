//! The loopback server around the simulated service: hyper itself, because the faults must reach the socket.
//!
//! Runs on a thread and a runtime of its own, so that a job in the same process meets real sockets and keeps its own
//! threads to itself. Must not listen anywhere but on loopback, and must not decide anything: [`Service`] does.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::faults::{Answer, Delivery};
use super::payload::Payload;
use super::scenario::Scenario;
use super::service::{Service, Tally};
use super::world::Ledger;

/// The largest request: over a million numbers.
const BODY_LIMIT: usize = 32 << 20;
/// How long a stop waits for replies that are on their way. Stalls never end by themselves.
const GRACE: Duration = Duration::from_millis(200);
/// The pause after a connection could not be accepted (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// A simulator that is running. It stops when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The simulator has no business on a network.
    #[error("the simulator listens on loopback only, not on `{0}`")]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The system has no thread for it.
    #[error("cannot start the simulator's thread")]
    Thread(#[source] io::Error),
}

#[derive(Debug)]
struct Shared {
    service: Mutex<Service>,
    started: Instant,
    in_flight: AtomicU32,
}

/// A request that has no reply yet.
struct InFlight<'a>(&'a AtomicU32);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How a connection ends instead of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Ending {
    #[error("the scenario closes the connection")]
    Close,
    #[error("the scenario resets the connection")]
    Reset,
}

impl Simulator {
    /// Starts a simulator on a loopback address; port 0 takes a free one.
    ///
    /// # Errors
    /// If the address is not on loopback or cannot be had, or if the system has no thread left.
    pub fn start(scenario: Scenario, address: SocketAddr) -> Result<Self, StartError> {
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let listener = TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })?;
        Self::serve(scenario, listener)
    }

    /// Starts a simulator on a socket that listens already.
    ///
    /// # Errors
    /// As [`Simulator::start`].
    pub fn serve(scenario: Scenario, listener: TcpListener) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Thread)?;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        listener.set_nonblocking(true).map_err(StartError::Thread)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let service = Mutex::new(Service::new(scenario));
        let shared = Arc::new(Shared { service, started: Instant::now(), in_flight: AtomicU32::new(0) });
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(StartError::Thread)?
        };
        let accept = accept(listener, Arc::clone(&shared), stopped);
        let thread =
            std::thread::Builder::new().name("simulator".to_owned()).spawn(move || runtime.block_on(accept));
        Ok(Self { address, shared, stop, thread: Some(thread.map_err(StartError::Thread)?) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has seen and done so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.shared.service().tally().clone()
    }

    /// What really became of the numbers.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.service().ledger()
    }

    /// Stops it, and waits until its thread is gone. Replies on their way have a moment to arrive.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed by then; a drop must not add a second one.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &Request<Bytes>, in_flight: u32) -> Answer {
        #[expect(
            clippy::disallowed_methods,
            reason = "the shell of the simulator, where its time comes from"
        )]
        let now = Timestamp::now();
        let elapsed = self.started.elapsed();
        let mut service = self.service();
        service.note_in_flight(in_flight);
        service.answer(request, now, elapsed)
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = told_to_stop(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&shared), stopped.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, drained).await;
    connections.shutdown().await;
}

/// Also ends when the simulator itself is gone.
async fn told_to_stop(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Serves one connection to its end, which may be one that the scenario asks for.
async fn converse(stream: TcpStream, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    // Without it, a reply may wait for the acknowledgement of the last one; but it is only speed.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        // Boxed, so that the connection can be moved and taken apart below.
        Box::pin(async move { respond(request, &shared).await })
    });
    let mut http = http1::Builder::new();
    let mut connection = http.auto_date_header(false).serve_connection(TokioIo::new(stream), service);
    let finished = tokio::select! {
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => Some(ended),
        () = told_to_stop(&mut stopped) => None,
    };
    let ended = if let Some(ended) = finished {
        ended
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        poll_fn(|cx| connection.poll_without_shutdown(cx)).await
    };
    let ending =
        ended.err().and_then(|error| std::error::Error::source(&error)?.downcast_ref::<Ending>().copied());
    if ending == Some(Ending::Reset) {
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Result<Response<Payload>, Ending> {
    let in_flight = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    let _in_flight = InFlight(&shared.in_flight);
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await.map_err(|_| Ending::Close)?;
    let Answer { delay, delivery } = shared.answer(&Request::from_parts(head, body.to_bytes()), in_flight);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match delivery {
        Delivery::Reply(response) => Ok(response.map(Payload::whole)),
        Delivery::Cut(response, after) => Ok(response.map(|body| Payload::cut(body, after))),
        Delivery::Drip(response, every) => Ok(response.map(|body| Payload::drip(body, every))),
        Delivery::Flood(response, bytes) => Ok(response.map(|body| Payload::flood(body, bytes))),
        Delivery::Drop => Err(Ending::Close),
        Delivery::Reset => Err(Ending::Reset),
        Delivery::Stall => match std::future::pending::<Infallible>().await {},
    }
}
