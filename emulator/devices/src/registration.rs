use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::connection::Connection;
use crate::device::Device;
use crate::endpoint::Endpoint;
use crate::message::{Request, Verdict};
use crate::outcome::{Failure, Registration};

/// The progress of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The service accepted the connection.
    Connected,
    /// The service has not decided yet; reported once for each answer.
    Assigning,
}

impl Device {
    /// Registers the device at `endpoint`, within `limit`, and reports each step to `progress`.
    ///
    /// # Errors
    ///
    /// See [`Failure`].
    pub async fn register(
        &self,
        endpoint: &Endpoint,
        limit: Duration,
        mut progress: impl FnMut(Status),
    ) -> Result<Registration, Failure> {
        let registering = async {
            let mut connection = Connection::open(self, endpoint).await?;
            progress(Status::Connected);
            let mut request = Request::register(self);
            loop {
                let answer = connection.ask(&request).await?;
                match answer.verdict(endpoint.transport)? {
                    Verdict::Assigned(registration) => {
                        connection.close().await?;
                        return Ok(registration);
                    }
                    Verdict::Assigning(operation_id) => {
                        progress(Status::Assigning);
                        request = Request::Poll(operation_id);
                    }
                    Verdict::Busy => {}
                }
                sleep(answer.wait()).await;
            }
        };
        timeout(limit, registering).await.unwrap_or(Err(Failure::Timeout(limit)))
    }
}
