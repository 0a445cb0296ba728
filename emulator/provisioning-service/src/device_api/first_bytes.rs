//! Which protocol a client speaks, by the first bytes that it sends.

/// The first byte of a TLS record with a handshake in it: <https://www.rfc-editor.org/rfc/rfc8446#section-5.1>.
pub(crate) const TLS_HANDSHAKE: u8 = 0x16;

/// The protocol that begins with `bytes`; `None` if they are not enough, or of none that is known.
pub(crate) fn protocol(bytes: &[u8]) -> Option<&'static str> {
    const METHODS: [&[u8]; 6] = [b"GET ", b"PUT ", b"POST ", b"HEAD ", b"DELETE ", b"OPTIONS "];
    match bytes {
        [TLS_HANDSHAKE, 3, ..] => Some("TLS"),
        // <https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-transport-v1.0-os.html#section-version-negotiation>
        [b'A', b'M', b'Q', b'P', ..] => Some("AMQP"),
        [b'P', b'R', b'I', b' ', ..] => Some("HTTP/2"),
        // CONNECT, one or two bytes of length, and the protocol's name with its length.
        [0x10, _, 0, 4 | 6, b'M', b'Q', ..] | [0x10, _, _, 0, 4 | 6, b'M', b'Q', ..] => Some("MQTT"),
        _ => METHODS.iter().any(|method| bytes.starts_with(method)).then_some("HTTP"),
    }
}
