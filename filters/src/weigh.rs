//! What is translated weighs many times its bytes. The share of the memory for bodies that this takes is asked for before,
//! so that a few large requests or answers cannot fill the machine.

use thiserror::Error;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::OwnedSemaphorePermit;
use weir_wire::weight::tree_bytes;

use crate::gateway::BodyMemory;

/// What a translation may take without asking.
const FREE_BYTES: usize = 4 * 1024 * 1024;
/// No text of this length weighs more than that: each of its bytes is a value at most.
const LIGHT_BYTES: usize = 16 * 1024;
/// What an answer, or what is kept of a stream, may take without asking.
const GROWTH_FREE_BYTES: usize = 128 * 1024;
/// The least that it asks for at once.
const GROWTH_STEP_BYTES: usize = 512 * 1024;
/// Work on more bytes than these is done aside.
const ASIDE_BYTES: usize = 128 * 1024;

/// Why something is not translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TooHeavy {
    /// All the memory for bodies would not be enough.
    #[error(
        "has more values than can be translated in the memory for bodies (server.max_bodies_memory_bytes)"
    )]
    Ever,
    /// Others use that memory.
    #[error("does not fit into the memory for bodies now, as others use it; try again shortly")]
    Now,
}

/// The share of the memory for bodies that a text needs to be translated; none if that is little.
pub(crate) fn share(
    memory: &BodyMemory,
    json: &[u8],
) -> Result<Option<OwnedSemaphorePermit>, TooHeavy> {
    if json.len() <= LIGHT_BYTES {
        return Ok(None);
    }
    let bytes = tree_bytes(json);
    if bytes <= FREE_BYTES {
        return Ok(None);
    }
    if bytes > memory.max_bytes() {
        return Err(TooHeavy::Ever);
    }
    memory.take(bytes).map(Some).map_err(|_| TooHeavy::Now)
}

/// What something that grows takes of the memory for bodies.
#[derive(Default)]
pub(crate) struct Share {
    permit: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Share {
    /// Sees to it that the share is enough for so many bytes; a few need none.
    pub(crate) fn grow(&mut self, memory: &BodyMemory, bytes: usize) -> Result<(), TooHeavy> {
        if bytes <= GROWTH_FREE_BYTES {
            *self = Self::default();
            return Ok(());
        }
        if bytes <= self.bytes {
            return Ok(());
        }
        let more = (bytes - self.bytes).max(GROWTH_STEP_BYTES);
        let permit = memory.take(more).map_err(|_| TooHeavy::Now)?;
        self.bytes += more;
        match &mut self.permit {
            Some(share) => share.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

/// Works on so many bytes. If they are many, others who are served by this thread need not wait for it.
pub(crate) fn aside<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    let can_move = || {
        let flavor = Handle::try_current().map(|it| it.runtime_flavor());
        matches!(flavor, Ok(RuntimeFlavor::MultiThread))
    };
    if bytes > ASIDE_BYTES && can_move() {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_need_a_share_and_get_it_only_where_there_is_room() {
        let memory = BodyMemory::new(64 * 1024 * 1024);
        let values = |count: usize| format!("[{}0]", "0,".repeat(count));
        let text = format!("\"{}\"", "x".repeat(10_000_000));
        assert!(matches!(share(&memory, text.as_bytes()), Ok(None)));
        assert!(matches!(
            share(&memory, values(10_000).as_bytes()),
            Ok(None)
        ));
        let some = share(&memory, values(150_000).as_bytes()).unwrap();
        assert!(some.is_some());
        let more = share(&memory, values(150_000).as_bytes());
        assert_eq!(more.err(), Some(TooHeavy::Now));
        drop(some);
        assert!(share(&memory, values(150_000).as_bytes()).is_ok());
        let most = share(&memory, values(300_000).as_bytes());
        assert_eq!(most.err(), Some(TooHeavy::Ever));
    }

    #[test]
    fn a_share_grows_with_what_it_is_for_and_goes_with_it() {
        let memory = BodyMemory::new(8 * 1024 * 1024);
        let (mut one, mut other) = (Share::default(), Share::default());
        assert_eq!(one.grow(&memory, 1_000), Ok(()));
        assert_eq!(one.grow(&memory, 5_000_000), Ok(()));
        assert_eq!(other.grow(&memory, 5_000_000), Err(TooHeavy::Now));
        assert_eq!(one.grow(&memory, 1_000), Ok(()));
        assert_eq!(other.grow(&memory, 5_000_000), Ok(()));
        drop(other);
        assert!(memory.take(8 * 1024 * 1024).is_ok());
    }

    #[tokio::test]
    async fn work_is_done_on_any_runtime() {
        assert_eq!(aside(usize::MAX, || 7), 7);
    }
}
