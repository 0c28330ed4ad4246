//! Caller -> Admitted: the request rate and the concurrency. A refused request consumes nothing.

use crate::ask::{Admitted, Caller};
use crate::counters::{Counters, Exceeded};

/// Takes one request from the caller's limits; the slots are free again when the result is dropped.
pub async fn admit(counters: &dyn Counters, caller: Caller) -> Result<Admitted, Exceeded> {
    let known = &caller.known;
    let lease = counters
        .reserve(&known.token_gauge, &known.user_gauge)
        .await?;
    Ok(Admitted { caller, lease })
}
