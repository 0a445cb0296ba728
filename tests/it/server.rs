use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use dps_custom_allocation::allocation::Policy;
use dps_custom_allocation::app::App;
use dps_custom_allocation::body::Limits;
use dps_custom_allocation::log_body::LogBody;
use dps_custom_allocation::policies::ServedPolicy;
use dps_custom_allocation::server::{Handler, routes};
use dps_custom_allocation::settings::DEFAULT_BODY_LIMIT;
use dps_custom_allocation::{connections, decision};
use tokio::sync::oneshot;

/// The app of this project: the tutorial's function.
pub fn tutorial_app() -> App {
    App::load(env!("CARGO_MANIFEST_DIR").as_ref(), &|_| None).expect("the app's files are right")
}

/// The handler's server in this process, with another policy, on one worker. Ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn with(policy: impl Policy + 'static) -> Self {
        Self::within(policy, Limits::of(DEFAULT_BODY_LIMIT))
    }

    pub fn within(policy: impl Policy + 'static, limits: Limits) -> Self {
        crate::log_lines::collect();
        let (address_is, address) = channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .max_blocking_threads(decision::THREADS)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                address_is.send(listener.local_addr().unwrap()).unwrap();
                let routes =
                    routes(Handler::new(tutorial_app(), ServedPolicy::new(policy), limits, LogBody::Full));
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
