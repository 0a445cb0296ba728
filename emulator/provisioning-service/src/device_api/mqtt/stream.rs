//! A device's connection as packets instead of bytes.

use std::io;
use std::time::Duration;

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{PacketBuildResult, PacketBuilder, RawPacket};
use mqtt_protocol_core::mqtt::packet::GenericPacketTrait;
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, MqttError};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout, timeout_at};

use crate::device_api::tls::{Stream, disconnected};

/// The longest packet, in bytes: 256 KB of body, and a topic.
const PACKET_LIMIT: u32 = 257 * 1024;

/// How long a device has to close the connection after the service has.
const CLOSE: Duration = Duration::from_millis(300);

/// The connection to a device.
pub(crate) struct PacketStream {
    stream: Stream,
    builder: PacketBuilder,
    /// How long a packet may take from its first to its last byte, either way.
    timeout: Duration,
    /// When the packet that is being read has to be complete; `None` before its first byte.
    deadline: Option<Instant>,
}

/// Why a connection ends.
pub(crate) enum End {
    /// The device disconnected.
    Disconnected,
    /// Its CONNECT is refused with this return code: what was expected, or found. Empty if that is logged already.
    Refused(ConnectReturnCode, String),
    /// It sent something that is not expected, was too slow, or the connection broke: what was expected, or found.
    Failed(String),
}

impl PacketStream {
    /// Packets on `stream`, of which each may take as long as `timeout`.
    pub(crate) fn new(stream: Stream, timeout: Duration) -> Self {
        let builder = PacketBuilder::with_maximum_packet_size(PACKET_LIMIT);
        Self { stream, builder, timeout, deadline: None }
    }

    /// The next packet, whose first byte must come before `idle`. Nothing is lost if this is cancelled.
    pub(crate) async fn receive(&mut self, idle: Instant) -> Result<RawPacket, End> {
        loop {
            let read = timeout_at(self.deadline.unwrap_or(idle), self.stream.fill_buf());
            let bytes = read.await.map_err(|_| match self.deadline {
                Some(_) => failed(format!("an incomplete packet after {} s", self.timeout.as_secs_f32())),
                None => failed("no packet for one and a half times the keep-alive"),
            })??;
            if bytes.is_empty() {
                return Err(End::Disconnected);
            }
            let mut cursor = Cursor::new(bytes);
            let built = self.builder.feed(&mut cursor);
            let read = usize::try_from(cursor.position()).unwrap_or(bytes.len());
            self.stream.consume(read);
            match built {
                PacketBuildResult::Complete(raw) => {
                    self.deadline = None;
                    return Ok(raw);
                }
                PacketBuildResult::Incomplete => {
                    self.deadline.get_or_insert_with(|| Instant::now() + self.timeout);
                }
                PacketBuildResult::Error(_) => {
                    return Err(failed(format!(
                        "invalid packet length: expected at most {PACKET_LIMIT} bytes; a device that reconnects and \
                         sends the same again is refused again"
                    )));
                }
            }
        }
    }

    /// Sends `packet`.
    pub(crate) async fn send(
        &mut self,
        packet: Result<impl GenericPacketTrait, MqttError>,
    ) -> Result<(), End> {
        let packet = packet.map_err(|error| failed(format!("an answer cannot be sent: {error}")))?;
        let sent = timeout(self.timeout, async {
            self.stream.write_all(&packet.to_continuous_buffer()).await?;
            self.stream.flush().await
        });
        let seconds = self.timeout.as_secs_f32();
        Ok(sent.await.map_err(|_| failed(format!("the device read nothing for {seconds} s")))??)
    }

    /// Closes the connection so that the device still gets what was sent: a connection that is closed with
    /// something unread is reset, and a reset may overtake the last packet.
    pub(crate) async fn close(mut self) {
        let _ = timeout(CLOSE, async {
            self.stream.shutdown().await?;
            tokio::io::copy_buf(&mut self.stream, &mut tokio::io::sink()).await
        })
        .await;
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        if disconnected(&error) { Self::Disconnected } else { failed(error.to_string()) }
    }
}

/// The end of a connection that is closed because of `why`.
pub(crate) fn failed(why: impl Into<String>) -> End {
    End::Failed(why.into())
}

/// The end of a connection on which something came that is not a packet.
pub(crate) fn invalid(why: impl std::fmt::Display) -> End {
    failed(format!("invalid packet: {why}"))
}

/// The end of a connection on which `raw` came in place of what was `expected`.
pub(crate) fn unexpected(expected: &str, raw: &RawPacket) -> End {
    const NAMES: [&str; 16] = [
        "a packet of type 0",
        "CONNECT",
        "CONNACK",
        "PUBLISH",
        "PUBACK",
        "PUBREC",
        "PUBREL",
        "PUBCOMP",
        "SUBSCRIBE",
        "SUBACK",
        "UNSUBSCRIBE",
        "UNSUBACK",
        "PINGREQ",
        "PINGRESP",
        "DISCONNECT",
        "AUTH (of MQTT 5)",
    ];
    let name = NAMES.get(usize::from(raw.packet_type())).unwrap_or(&"an unknown packet");
    let (flags, length) = (raw.flags(), raw.remaining_length());
    failed(format!("expected {expected}, found {name} with the flags {flags:#06b} and {length} bytes"))
}
