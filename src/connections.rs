//! Taking connections and serving HTTP on each, until told to stop.
//!
//! `warp::serve` would do, but gives no bound on a connection's buffers and idle time, none on the number
//! of connections, and no end to a stop that a slow sender holds up.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use warp::hyper::server::conn::http1;
use warp::{Filter, Reply};

/// How long a connection may take to send a request's head, waiting for its first byte included. Longer
/// than the two minutes for which .NET's client may keep an idle connection, so that it closes first.
pub const IDLE: Duration = Duration::from_secs(180);

/// The largest head of a request, and how much of a body is read at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// How many connections may be open. Further ones are closed at once.
const CONNECTIONS: usize = 2048;

/// How long requests may take to end once the handler is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait before accepting again when the system has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks the system for as many open files as [`serve`] may need: a connection takes one, and what processes
/// begin with, often 1,024, is less than what they may ask for. Refused, it stays as it was, and connections
/// wait until others end.
pub fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        // And some for what else the process has open.
        const WANTED: u64 = CONNECTIONS as u64 + 64;

        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        if current.is_some_and(|current| current < WANTED) {
            let current = Some(maximum.map_or(WANTED, |maximum| maximum.min(WANTED)));
            let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
        }
    }
}

/// Serves `routes` on `listener` until `stop` is ready, then lets the requests under way end. Returns what `stop` gave.
pub async fn serve<F, S>(listener: TcpListener, routes: F, stop: impl Future<Output = S>) -> S
where
    F: Filter<Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
    F::Future: Send,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(BUFFER);
    let requests = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut stop = pin!(stop);
    // Whether it has been said that connections are turned away: once, however many there are.
    let mut said = false;
    let stopped = loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            stopped = &mut stop => break stopped,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !std::mem::replace(&mut said, true) {
                    log::warn!("Cannot accept connections for now: {error}.");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            if !std::mem::replace(&mut said, true) {
                log::warn!("{CONNECTIONS} connections are open; further ones are closed.");
            }
            continue;
        };
        said = false;
        // Answers are written whole; to wait for more would only delay them.
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(warp::service(routes.clone()));
        let connection = requests.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug!("A connection ended early: {error}.");
            }
            drop(place);
        });
    };
    drop(listener);
    if tokio::time::timeout(GRACE, requests.shutdown()).await.is_err() {
        log::warn!("Stopped with requests under way that took more than {} seconds.", GRACE.as_secs());
    }
    stopped
}
