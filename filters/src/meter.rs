//! What an answer that is no conversation used: tokens where it tells them, else what was asked for and got.

use weir_wire::usage::Usage;

use crate::ask::Ask;

/// What is known of the usage before an answer: characters to speak.
pub(crate) fn asked(ask: &Ask) -> Option<Usage> {
    let _ = ask;
    None
}
