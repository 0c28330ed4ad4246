//! Which calls of this process are under way, and which rows of intents no longer hold any.

use std::collections::HashMap;

use uuid::Uuid;

/// How many spent rows are collected before they are deleted: they lie side by side, so that few statements do it. A
/// spent row that a crash leaves behind does no harm, as each of its calls has a row.
const COLLECTED_MAX: usize = 64;

/// The calls under way, by the row that holds their intent.
#[derive(Default)]
pub(crate) struct OpenCalls {
    row_of: HashMap<Uuid, i64>,
    open_in: HashMap<i64, u32>,
    spent: Vec<i64>,
}

impl OpenCalls {
    /// These calls were committed in row `seq`.
    pub(crate) fn begun(&mut self, seq: i64, calls: impl Iterator<Item = Uuid>) {
        let mut open = 0;
        for call in calls {
            match self.row_of.insert(call, seq) {
                // A call begun twice is under way once, and the later row holds it.
                Some(earlier) if earlier == seq => {}
                Some(earlier) => {
                    self.leave(earlier);
                    open += 1;
                }
                None => open += 1,
            }
        }
        self.open_in.insert(seq, open);
    }

    /// This call is over; it need not have been begun here.
    pub(crate) fn ended(&mut self, call: &Uuid) {
        if let Some(seq) = self.row_of.remove(call) {
            self.leave(seq);
        }
    }

    fn leave(&mut self, seq: i64) {
        let Some(open) = self.open_in.get_mut(&seq) else {
            return;
        };
        *open -= 1;
        if *open == 0 {
            self.open_in.remove(&seq);
            self.spent.push(seq);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.row_of.is_empty()
    }

    /// The rows to delete now, as ranges from first to last: all of them if `quiet`, else once enough have come together.
    pub(crate) fn spent_ranges(&mut self, quiet: bool) -> Vec<(i64, i64)> {
        if self.spent.is_empty() || (!quiet && self.spent.len() < COLLECTED_MAX) {
            return Vec::new();
        }
        self.spent.sort_unstable();
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for &seq in &self.spent {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => ranges.push((seq, seq)),
            }
        }
        ranges
    }

    /// The rows given by [`OpenCalls::spent_ranges`] are deleted and committed.
    pub(crate) fn deleted(&mut self) {
        self.spent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    #[test]
    fn a_row_is_spent_when_its_last_call_has_ended() {
        let mut open = OpenCalls::default();
        open.begun(1, [call(1), call(2)].into_iter());
        open.ended(&call(1));
        open.ended(&call(1));
        open.ended(&call(9));
        assert!(open.spent_ranges(true).is_empty());
        open.ended(&call(2));
        assert_eq!(open.spent_ranges(true), [(1, 1)]);
        assert!(open.spent_ranges(false).is_empty(), "too few to bother");
        open.deleted();
        assert!(open.spent_ranges(true).is_empty() && open.is_empty());
    }

    #[test]
    fn neighbours_are_deleted_together() {
        let mut open = OpenCalls::default();
        for n in [5, 3, 4, 9, 1] {
            open.begun(n, std::iter::once(call(n as u128)));
            open.ended(&call(n as u128));
        }
        assert_eq!(open.spent_ranges(true), [(1, 1), (3, 5), (9, 9)]);
    }

    #[test]
    fn a_call_begun_twice_is_held_by_the_later_row() {
        let mut open = OpenCalls::default();
        open.begun(1, [call(1), call(1)].into_iter());
        open.begun(2, std::iter::once(call(1)));
        assert_eq!(open.spent_ranges(true), [(1, 1)]);
        open.ended(&call(1));
        assert_eq!(open.spent_ranges(true), [(1, 2)]);
    }
}
