//! The one place where randomness comes in: the operating system's generator.

use uuid::{Builder, Uuid};

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct EntropyError(getrandom::Error);

/// `N` bytes fit for keys, nonces and secrets.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the place where randomness is drawn"
)]
pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(EntropyError)?;
    Ok(bytes)
}

/// A new UUIDv7 (RFC 9562) of the given time.
pub(crate) fn new_id(now_us: i64) -> Result<Uuid, EntropyError> {
    let millis = u64::try_from(now_us / 1_000).unwrap_or(0);
    Ok(Builder::from_unix_timestamp_millis(millis, &random_bytes()?).into_uuid())
}
