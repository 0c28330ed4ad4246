//! Writes `docs/CONFORMANCE.md`.

use weir_wire::format::Format;

use super::findings::Finding;
use super::pairs::{Pair, Seen};
use super::{proofs, tables};

const INTRODUCTION: &str = "\
# Conformance

This page is written by a test (`make conformance`), which sends every request below through the real binary to a scripted
provider; `make test` fails when the page is out of date. An operation is **supported** where Weir understands it (carries it to
a provider and meters it, or answers it itself), **passed** where it reaches the caller's own account at a provider with method,
path and body intact, **refused** where Weir declines it by design and says why, and **missing** where its URL is unknown. Between
two formats a conversation is **untouched** where they are the same, **translated** where they differ, and a **gap** where a
client's format cannot be said in the provider's.
";

const PASSED: &str = "
What is passed belongs to the account of a key at the provider (files, batches, fine-tuned models): only the caller's own
provider keys are used for it, and the operator's for administrators.
";

const PAIRS: &str = "
## Conversations between formats

Rows are what a client speaks, columns what a provider speaks; each pair was asked for a whole answer and for a stream. Where a
provider offers several formats, the client's own is used, else the first that its row of preferences names
(`wire/src/format.rs`).
";

const PARAMS: &str = "
## What a translation carries

On the way to a provider of another format a parameter is **carried**, **dropped** (left out, and named in the answer's
`x-weir-dropped`) or **refused** with 400. That is the default; `x-weir-drop-params: all` or `none` on a request, or
`drop_params` of a provider, drops or refuses everything that is not carried. What is carried **in part** is judged by its value
(`n` of 1 is carried where 2 is not): an ordinary use of it is not carried whole (`tests/conformance/samples.rs`). A request in
the provider's own format is not looked at.
";

const CONTENT: &str = "\n### Content\n\n";

/// The page, made of what probing found.
pub fn render(operations: &[Finding], further: &[Finding], pairs: &[Seen]) -> String {
    let mut page = String::from(INTRODUCTION);
    add_summary(&mut page, operations);
    page.push_str(PASSED);
    for group in operations.chunk_by(|one, other| one.operation.group() == other.operation.group())
    {
        let title = group.first().map(|it| it.operation.group());
        add(
            &mut page,
            &format!("\n### /v1/{}\n\n", title.unwrap_or_default()),
        );
        add_findings(&mut page, "Operation", group);
    }
    page.push_str("\n## Beyond OpenAI's API\n\n");
    add_findings(&mut page, "Route", further);
    add_pairs(&mut page, pairs);
    page.push_str(PARAMS);
    page.push_str("\n### Parameters\n\n");
    add_fates(&mut page, "Parameter", &tables::params());
    page.push_str(CONTENT);
    add_fates(&mut page, "Content", &tables::content());
    add_proofs(&mut page, &proofs::LOSSES);
    page
}

fn add_summary(page: &mut String, operations: &[Finding]) {
    page.push_str("\n## OpenAI's API\n\n");
    let count = |word| {
        let of_word = operations.iter().filter(|it| it.verdict.word() == word);
        of_word.count()
    };
    let words = ["supported", "passed", "refused", "missing"];
    let counts = words.map(|word| format!("{} {word}", count(word)));
    add(
        page,
        &format!(
            "Of the {} operations in the [pinned list](../tests/conformance/operations.txt): {}.\n",
            operations.len(),
            counts.join(", ")
        ),
    );
}

fn add_findings(page: &mut String, what: &str, findings: &[Finding]) {
    add(
        page,
        &format!("| Request | {what} | Finding | More | Proof |\n|---|---|---|---|---|\n"),
    );
    for finding in findings {
        let proof = proofs::of(finding);
        proofs::assert_exists(proof);
        let operation = &finding.operation;
        let row = format!(
            "| `{} {}` | {} | {} | {} | {} |\n",
            operation.method,
            operation.path,
            operation.name,
            finding.verdict.word(),
            finding.verdict.detail(),
            link(proof),
        );
        add(page, &row);
    }
}

/// A proof as a link to its file.
fn link(proof: &str) -> String {
    let (file, name) = proof.split_once("::").unwrap_or((proof, ""));
    format!("[{name}](../{file})")
}

fn add_pairs(page: &mut String, pairs: &[Seen]) {
    page.push_str(PAIRS);
    let names = Format::ALL.map(Format::as_str).join(" | ");
    add(
        page,
        &format!(
            "\n| | {names} |\n|---|{}\n",
            "---|".repeat(Format::ALL.len())
        ),
    );
    for client in Format::IN {
        let of_client = pairs.iter().filter(|(from, ..)| *from == client);
        let words: Vec<&str> = of_client.map(|(.., pair)| Pair::word(*pair)).collect();
        add(
            page,
            &format!("| {} | {} |\n", client.as_str(), words.join(" | ")),
        );
    }
    add_proofs(page, &[proofs::PROBE, proofs::MATRIX]);
}

fn add_proofs(page: &mut String, proofs: &[&str]) {
    for proof in proofs {
        proofs::assert_exists(proof);
    }
    let links: Vec<String> = proofs.iter().map(|proof| link(proof)).collect();
    add(page, &format!("\nProof: {}.\n", links.join(", ")));
}

fn add_fates(page: &mut String, what: &str, rows: &[(&str, tables::Fates)]) {
    let names = Format::OUT.map(Format::as_str).join(" | ");
    add(
        page,
        &format!("| {what} | {names} |\n|---|{}\n", "---|".repeat(7)),
    );
    for (name, fates) in rows {
        add(page, &format!("| {name} | {} |\n", fates.join(" | ")));
    }
}

fn add(page: &mut String, text: &str) {
    page.push_str(text);
}
