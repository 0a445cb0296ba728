//! An HTTP proxy that takes CONNECT to anywhere, and leads to one place.
//!
//! The Python SDK connects to port 8883 only; its documented proxy option leads it to another port.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// The proxy, until it is dropped.
pub(crate) struct ConnectProxy {
    pub(crate) address: SocketAddr,
    server: AbortHandle,
}

impl ConnectProxy {
    /// A proxy on a free port that leads to `target`.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let server = tokio::spawn(async move {
            loop {
                let (client, _) = socket.accept().await.unwrap();
                tokio::spawn(lead(client, target));
            }
        });
        Self { address, server: server.abort_handle() }
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn lead(client: TcpStream, target: SocketAddr) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let mut line = String::new();
    while client.read_line(&mut line).await? > 0 && !line.ends_with("\r\n\r\n") {}
    assert!(line.starts_with("CONNECT "), "{line}");
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut TcpStream::connect(target).await?).await?;
    Ok(())
}
