use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use dps_custom_allocation::allocation::Policy;
use dps_custom_allocation::body::Limits;
use dps_custom_allocation::connections;
use dps_custom_allocation::server::{Handler, routes};
use dps_custom_allocation::settings::DEFAULT_BODY_LIMIT;
use tokio::sync::oneshot;

/// The handler's server in this process, with another policy. Ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn with(policy: Policy) -> Self {
        Self::within(policy, Limits::of(DEFAULT_BODY_LIMIT))
    }

    pub fn within(policy: Policy, limits: Limits) -> Self {
        let (address_is, address) = channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                address_is.send(listener.local_addr().unwrap()).unwrap();
                let routes = routes(Handler::new(policy, limits));
                connections::serve(listener, routes, async {
                    let _ = stopped.await;
                })
                .await;
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        let _ = self.thread.take().unwrap().join();
    }
}
