//! Which result answers which call: Google's API leaves ids out, and pairs by name and order.

use std::collections::HashSet;

/// The calls of a conversation so far.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    calls: Vec<Call>,
    ids: HashSet<String>,
    made: usize,
}

#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    is_answered: bool,
}

impl Pairing {
    /// Notes a call, and gives its id: the client's, or one of ours.
    pub fn call(&mut self, id: Option<String>, name: &str) -> String {
        let id = id
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| self.make_id());
        self.ids.insert(id.clone());
        self.calls.push(Call {
            id: id.clone(),
            name: name.to_owned(),
            is_answered: false,
        });
        id
    }

    /// The id of the call that a result answers: the one it names, else the first open one of its name, else the first
    /// open one.
    pub fn result(&mut self, id: Option<String>, name: &str) -> String {
        let id = id.filter(|id| !id.is_empty());
        let open = |by: &dyn Fn(&Call) -> bool| {
            let mut calls = self.calls.iter();
            calls.position(|call| !call.is_answered && by(call))
        };
        let found = match &id {
            Some(id) => open(&|call| call.id == *id),
            None => open(&|call| call.name == name).or_else(|| open(&|_| true)),
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
            if !self.ids.contains(&id) {
                return id;
            }
        }
    }
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
