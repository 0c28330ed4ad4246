//! What is fuzzed of Weir's formats. `wire/tests/corpus.rs` runs the same functions over the committed corpora.

pub mod targets;
