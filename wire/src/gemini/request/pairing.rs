//! Which result answers which call: Google's API leaves ids out, and pairs by name and order.

use std::collections::{HashMap, VecDeque};

/// The calls of a conversation so far.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    calls: Vec<Call>,
    /// The numbers of the calls with an id, and with a name, that may still be open.
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
    /// All calls before this one are answered.
    first_open: usize,
    made: usize,
}

#[derive(Debug)]
struct Call {
    id: String,
    is_answered: bool,
}

impl Pairing {
    /// Notes a call, and gives its id: the client's, or one of ours.
    pub fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| self.make_id());
        let number = self.calls.len();
        let of_id = self.by_id.entry(id.clone()).or_default();
        of_id.push_back(number);
        let of_name = self.by_name.entry(name.to_owned()).or_default();
        of_name.push_back(number);
        self.calls.push(Call {
            id: id.clone(),
            is_answered: false,
        });
        id
    }

    /// The id of the call that a result answers: the one it names, else the first open one of its name, else the first
    /// open one.
    pub fn result(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty());
        let calls = &self.calls;
        let found = match &id {
            Some(id) => next_open(self.by_id.get_mut(id), calls),
            None => next_open(self.by_name.get_mut(name), calls).or_else(|| {
                let rest = calls.get(self.first_open..).unwrap_or_default();
                let answered = rest.iter().take_while(|call| call.is_answered).count();
                self.first_open += answered;
                (self.first_open < calls.len()).then_some(self.first_open)
            }),
        };
        if let Some(call) = found.and_then(|at| self.calls.get_mut(at)) {
            call.is_answered = true;
            return call.id.clone();
        }
        id.unwrap_or_else(|| self.make_id())
    }

    fn make_id(&mut self) -> String {
        loop {
            let id = format!("call_{}", self.made);
            self.made += 1;
            if !self.by_id.contains_key(&id) {
                return id;
            }
        }
    }
}

/// The first of these calls that is open. Those before it are forgotten, so that none is looked at twice.
fn next_open(numbers: Option<&mut VecDeque<usize>>, calls: &[Call]) -> Option<usize> {
    let numbers = numbers?;
    let is_open = |number: &usize| calls.get(*number).is_some_and(|call| !call.is_answered);
    while let Some(number) = numbers.front() {
        if is_open(number) {
            return Some(*number);
        }
        numbers.pop_front();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_find_their_calls_by_id_then_name_then_order() {
        let mut pairing = Pairing::default();
        let given = pairing.call(Some("call_1".to_owned()), "a");
        let first = pairing.call(None, "b");
        let second = pairing.call(Some(String::new()), "b");
        assert_eq!((given.as_str(), first.as_str()), ("call_1", "call_0"));
        assert_eq!(second, "call_2");
        assert_eq!(pairing.result(None, "b"), first);
        assert_eq!(pairing.result(None, "other"), given);
        assert_eq!(pairing.result(None, "b"), second);
        assert_eq!(pairing.result(None, "b"), "call_3");
        assert_eq!(pairing.result(Some("x".to_owned()), "b"), "x");
    }
}
