use std::net::IpAddr;
use std::ops::Deref;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use crate::lookups::network::Network;
use crate::lookups::{Failure, Mistake};

/// Makes connections for the pool. The host's name is resolved anew for each: it may move.
pub(super) struct Connections {
    config: Config,
    network: Network,
    tls: MakeRustlsConnect,
}

/// A connection and the task that serves it; the one ends with the other.
pub(super) struct Connection {
    client: Client,
    task: JoinHandle<()>,
    tls: MakeRustlsConnect,
}

/// A connection with a query under way. Dropped before that is over, as when the deadline passes, it cancels the
/// query and closes the connection, of which nobody knows whether it still works.
pub(super) struct Busy(Option<Object<Connections>>);

/// One that was idle for longer is replaced: networks forget such connections, Azure's after four minutes, and
/// a query would wait for an answer until the deadline.
const IDLE: Duration = Duration::from_secs(60);

/// How long the request to cancel a query may take.
const CANCEL: Duration = Duration::from_secs(3);

// === impl Connections ===

impl Connections {
    pub(super) fn new(url: &str, network: &Network) -> Result<Self, Mistake> {
        let mut config = parse(url).ok_or(Mistake::new(
            "expected a URL, postgresql://user:password@host:5432/database, with supported options",
        ))?;
        let hosts = config.get_hosts();
        let local = hosts.iter().filter(|host| !matches!(host, Host::Tcp(_))).count();
        if hosts.is_empty() || local > 0 && local < hosts.len() {
            return Err(Mistake::new("expected one or more hosts, or the folder of a socket"));
        }
        config.application_name(env!("CARGO_PKG_NAME"));
        Ok(Self { config, network: network.clone(), tls: MakeRustlsConnect::new(network.tls()) })
    }

    /// The addresses of each host; none when they need not be resolved.
    async fn addresses(&self) -> Result<Vec<Vec<IpAddr>>, Failure> {
        let mut addresses = Vec::new();
        if self.config.get_hostaddrs().is_empty() {
            for host in self.config.get_hosts() {
                if let Host::Tcp(host) = host {
                    let found = self.network.addresses(host).await;
                    addresses.push(found.map_err(|unresolved| Failure::new(unresolved.to_string()))?);
                }
            }
        }
        Ok(addresses)
    }
}

impl Manager for Connections {
    type Type = Connection;
    type Error = Failure;

    async fn create(&self) -> Result<Connection, Failure> {
        let addresses = self.addresses().await?;
        let tries = addresses.iter().map(Vec::len).max().unwrap_or(1);
        let mut first = None;
        for at in 0..tries {
            let mut config = self.config.clone();
            for of_host in &addresses {
                config.hostaddr(of_host[at % of_host.len()]);
            }
            match config.connect(self.tls.clone()).await {
                Ok((client, connection)) => {
                    // How it ended, the client's next query says.
                    let task = tokio::spawn(async move { drop(connection.await) });
                    return Ok(Connection { client, task, tls: self.tls.clone() });
                }
                // Not the last one: IPv6 is tried at the end, where there may be none.
                Err(error) => _ = first.get_or_insert_with(|| failure(&error)),
            }
        }
        Err(first.unwrap_or(Failure::new("its host has no address")))
    }

    async fn recycle(&self, connection: &mut Connection, metrics: &Metrics) -> RecycleResult<Failure> {
        if connection.is_closed() || metrics.last_used() > IDLE {
            return Err(RecycleError::message("closed, or idle for too long"));
        }
        Ok(())
    }
}

// === impl Connection ===

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

// === impl Busy ===

impl Busy {
    /// Runs `query` on `connection`, which goes back to the pool afterwards.
    pub(super) async fn run<T>(
        connection: Object<Connections>,
        query: impl AsyncFnOnce(&Client) -> T,
    ) -> Option<T> {
        let mut busy = Self(Some(connection));
        let done = query(busy.0.as_deref()?).await;
        drop(busy.0.take());
        Some(done)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Some(connection) = self.0.take().map(Object::take) else { return };
        // Without a runtime the process is about to end.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            let _ = timeout(CANCEL, connection.cancel_token().cancel_query(connection.tls.clone())).await;
        });
    }
}

// === private ===

/// Reads a URL, in which `sslmode` may be libpq's `verify-full` or `verify-ca` too: here that is `require`.
fn parse(url: &str) -> Option<Config> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return None;
    }
    let (before, options) = url.rsplit_once('?').unwrap_or((url, ""));
    let options: Vec<_> = options
        .split('&')
        .filter(|option| !option.is_empty())
        .map(|option| match option {
            "sslmode=verify-full" | "sslmode=verify-ca" => "sslmode=require",
            option => option,
        })
        .collect();
    let mut config: Config = format!("{before}?{}", options.join("&")).parse().ok()?;
    if !options.iter().any(|option| option.starts_with("sslmode=")) {
        let local = config.get_hosts().iter().all(is_local);
        config.ssl_mode(if local { SslMode::Prefer } else { SslMode::Require });
    }
    Some(config)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}
