//! Amazon's event stream framing (<https://smithy.io/2.0/aws/amazon-eventstream.html>), written anew here, so that the
//! gateway's own reader is held against something other than its own writer.

use serde_json::Value;

/// One message with an event's name and its payload.
pub(super) fn message(event: &str, payload: &Value) -> Vec<u8> {
    framed(
        [(":event-type", event), (":message-type", "event")],
        payload,
    )
}

/// One message that tells of a failure.
pub(super) fn exception(kind: &str, payload: &Value) -> Vec<u8> {
    framed(
        [(":exception-type", kind), (":message-type", "exception")],
        payload,
    )
}

fn framed(names: [(&str, &str); 2], payload: &Value) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in names {
        push_header(name, value, &mut headers);
    }
    push_header(":content-type", "application/json", &mut headers);
    let payload = payload.to_string();
    // The prelude of 12 bytes and the checksum of 4 count, too.
    let total = 12 + headers.len() + payload.len() + 4;
    let mut message = Vec::with_capacity(total);
    message.extend(length(total));
    message.extend(length(headers.len()));
    message.extend(crc32(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload.as_bytes());
    message.extend(crc32(&message).to_be_bytes());
    message
}

fn push_header(name: &str, value: &str, headers: &mut Vec<u8>) {
    const STRING: u8 = 7;
    headers.push(u8::try_from(name.len()).expect("a header's name is short"));
    headers.extend(name.as_bytes());
    headers.push(STRING);
    let length = u16::try_from(value.len()).expect("a header's value is short");
    headers.extend(length.to_be_bytes());
    headers.extend(value.as_bytes());
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes)
        .expect("a message is short")
        .to_be_bytes()
}

/// CRC-32 as in gzip (RFC 1952), bit by bit: a test's messages are short.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_message_tells_its_own_length() {
        let message = message("messageStop", &serde_json::json!({}));
        assert_eq!(message.get(..4), Some(length(message.len()).as_slice()));
    }
}
