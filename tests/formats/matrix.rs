//! One gateway with a provider of every format, every client's format before it, streamed and not.

use std::fmt::Debug;

use serde_json::Value;
use weir_testkit::{Client, Gateway, Upstream, provider_formats};

use crate::WEIR;
use crate::dialects::{Dialect, Heard};
use crate::questions::Question;

/// One meeting of formats.
pub struct Case {
    pub dialect: Dialect,
    pub format: &'static str,
    pub stream: bool,
    failures: Vec<String>,
}

impl Case {
    /// Notes a failure unless the two are equal: one test shows everything that is wrong with the matrix.
    pub fn expect<T: PartialEq + Debug + ?Sized>(&mut self, what: &str, is: &T, should_be: &T) {
        if is != should_be {
            let mode = if self.stream { "streamed" } else { "whole" };
            self.failures.push(format!(
                "{:?} at {}, {mode}: {what} is {is:?}, should be {should_be:?}",
                self.dialect, self.format
            ));
        }
    }

    /// The tokens from the cache that this provider tells of; Ollama tells of none.
    pub fn cached(&self) -> u64 {
        if self.format == "ollama" { 0 } else { 5 }
    }
}

/// The whole matrix.
pub struct Matrix {
    pub upstream: Upstream,
    gateway: Gateway,
    cases: Vec<(Case, String)>,
}

impl Matrix {
    pub fn start() -> Self {
        let upstream = Upstream::start();
        let gateway = Gateway::with_every_format(WEIR, &upstream).start();
        Self {
            upstream,
            gateway,
            cases: Vec::new(),
        }
    }

    pub fn client(&self) -> Client {
        self.gateway.client()
    }

    /// Asks in every combination that can be, and lets `check` look at what was heard.
    pub fn for_all(&mut self, story: &str, question: Question, check: impl Fn(&mut Case, &Heard)) {
        self.ask_all(&[false, true], story, question, check);
    }

    /// The same, streams only.
    pub fn for_all_streams(
        &mut self,
        story: &str,
        question: Question,
        check: impl Fn(&mut Case, &Heard),
    ) {
        self.ask_all(&[true], story, question, check);
    }

    fn ask_all(
        &mut self,
        modes: &[bool],
        story: &str,
        question: Question,
        check: impl Fn(&mut Case, &Heard),
    ) {
        let client = self.client();
        for format in provider_formats() {
            for dialect in Dialect::ALL {
                if question.has_tools() && !dialect.converses() {
                    continue;
                }
                for &stream in modes {
                    let mut case = Case {
                        dialect,
                        format,
                        stream,
                        failures: Vec::new(),
                    };
                    // A name of its own, by which the case's row is found.
                    let model = format!("{story}.{}", self.cases.len());
                    let asked = format!("p-{format}/{model}");
                    let heard = dialect.ask(&client, &asked, question, stream);
                    check(&mut case, &heard);
                    if !case.failures.is_empty() {
                        case.failures.push(format!("  heard {heard:?}"));
                    }
                    self.cases.push((case, model));
                }
            }
        }
    }

    /// Waits for the ledger, and lets `check` look at each case's row.
    pub fn assert_rows(&mut self, check: impl Fn(&mut Case, &Value)) {
        let rows = self.gateway.wait_for_calls(self.cases.len());
        for (case, model) in &mut self.cases {
            let mut own = rows.iter().filter(|row| row["served_model"] == *model);
            let row = own.next().cloned().unwrap_or_default();
            check(case, &row);
            case.expect("rows beyond the first", &own.count(), &0);
        }
    }

    /// Fails the test if anything was wrong.
    pub fn finish(self) {
        let failures: Vec<String> = self
            .cases
            .into_iter()
            .flat_map(|(case, _)| case.failures)
            .collect();
        assert!(failures.is_empty(), "\n{}", failures.join("\n"));
    }
}
