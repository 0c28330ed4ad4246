//! What the documents show is true: their settings, commands, requests, metrics and targets exist and work as written.

#![expect(
    clippy::expect_used,
    reason = "a failed expectation is the test's failure"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use weir_testkit::{Gateway, chat_body, stream_body};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");
/// By these keys at its top a YAML block is a configuration of Weir, and not of LibreChat or Docker.
const OWN_KEYS: [&str; 4] = ["providers:", "default_model:", "aliases:", "limits:"];

#[test]
fn the_readmes_settings_pass_the_check_together() {
    let readme = read("README.md");
    let ours = blocks(&readme, "yaml");
    let ours: Vec<_> = ours.into_iter().filter(|text| is_ours(text)).collect();
    assert!(ours.len() >= 2, "the README shows how Weir is configured");
    let home = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(home.path().join("weir.yaml"), ours.concat()).expect("a file can be written");
    assert_succeeds(weir(home.path(), "weir check"), "weir check");
}

fn is_ours(block: &str) -> bool {
    OWN_KEYS
        .iter()
        .any(|key| block.lines().any(|line| line.starts_with(key)))
}

#[test]
fn the_readmes_first_request_is_answered_by_the_demo() {
    let readme = read("README.md");
    let curl = blocks(&readme, "sh")
        .into_iter()
        .find(|text| text.contains("curl "));
    let curl = curl.expect("the README shows a request by curl");
    let url = between(&curl, "http://", " ");
    let (address, path) = url
        .split_at_checked(url.find('/').expect("the URL has a path"))
        .expect("a slash is a character");
    let defaults = read("docs/CONFIGURATION.md");
    assert!(
        defaults.contains(&format!("`WEIR_LISTEN` | address | `{address}`")),
        "{address} is not the default"
    );
    let body = between(&curl, "-d '", "'");

    let gateway = Gateway::builder(WEIR).start();
    let client = gateway.client();
    let mut connection = client.connect();
    // What curl says of the body of `-d` where it is not told otherwise.
    let typed = ("content-type", "application/x-www-form-urlencoded");
    let length = body.len().to_string();
    connection.send(&client.head("POST", path, &[typed, ("content-length", &length)], None));
    connection.send(body.as_bytes());
    let answer = connection.events().transcript();
    assert!(
        answer.is_done() && !answer.content().is_empty(),
        "{answer:?}"
    );
}

#[test]
fn the_readmes_commands_work_in_their_order() {
    let gateway = Gateway::builder(WEIR).start();
    let readme = read("README.md");
    let lines = blocks(&readme, "sh").concat();
    let commands = lines
        .lines()
        .filter(|line| line.starts_with("weir ") || line.contains("| weir "));
    let mut id = String::new();
    let mut count = 0;
    for command in commands {
        let output = weir(gateway.home(), &command.replace("<id>", &id));
        if command.contains("token create") {
            let tokens = gateway.cli(&["token", "list", "--json"]).json_rows();
            let newest = tokens.last().and_then(|token| token.get("id"));
            newest
                .and_then(Value::as_str)
                .expect("the token is listed")
                .clone_into(&mut id);
        }
        assert_succeeds(output, command);
        count += 1;
    }
    assert!(count >= 4, "the README shows the commands: {lines}");
}

#[test]
fn every_command_that_a_document_names_exists() {
    let home = tempfile::tempdir().expect("a folder can be made");
    let named: Vec<_> = spans()
        .into_iter()
        .filter(|(_, span)| span.starts_with("weir "))
        .collect();
    assert!(named.len() >= 5, "{named:?}");
    for (document, span) in named {
        // Help is told only where everything before it is known.
        let output = weir(home.path(), &format!("{span} --help"));
        assert_succeeds(output, &format!("`{span}` of {document}"));
    }
}

#[test]
fn every_target_of_make_that_a_document_names_exists() {
    let makefile = read("Makefile");
    let shown = blocks(&read("README.md"), "sh").concat();
    let shown = shown
        .lines()
        .map(|line| ("README.md".to_owned(), line.to_owned()));
    for (document, text) in spans().into_iter().chain(shown) {
        if let Some(target) = text.strip_prefix("make ") {
            let rule = format!("\n{}:", target.split(' ').next().unwrap_or_default());
            assert!(
                makefile.contains(&rule),
                "`{text}` of {document} does not exist"
            );
        }
    }
}

#[test]
fn every_setting_that_a_document_names_exists() {
    let known = settings();
    let sections: Vec<&str> = known
        .iter()
        .filter_map(|key| key.split('.').next())
        .collect();
    for (document, span) in spans() {
        let key = span.split([':', ' ']).next().unwrap_or_default();
        let Some((section, _)) = key.split_once('.') else {
            continue;
        };
        if sections.contains(&section) {
            assert!(
                known.iter().any(|known| known == key),
                "`{span}` of {document} is no setting"
            );
        }
    }
}

/// Every setting and section, from the document that is made from their types.
fn settings() -> Vec<String> {
    let mut known = Vec::new();
    let mut section = String::new();
    for line in read("docs/CONFIGURATION.md").lines() {
        if let Some(heading) = line.strip_prefix("### `") {
            heading.trim_end_matches('`').clone_into(&mut section);
            known.push(section.clone());
        } else if let (Some(row), false) = (line.strip_prefix("| `"), section.is_empty()) {
            let key = row.split('`').next().unwrap_or_default();
            known.push(format!("{section}.{key}"));
        }
    }
    known
}

#[test]
fn every_metric_that_a_document_names_is_told() {
    let gateway = Gateway::builder(WEIR).start();
    let client = gateway.client();
    client.chat(&chat_body("demo")).assert_status(200);
    assert!(client.stream(&stream_body("demo")).transcript().is_done());
    client.chat(&chat_body("no-such-model")).assert_status(404);
    gateway.wait_for_calls(2);
    let metrics = gateway.metrics();
    let mut count = 0;
    for (document, span) in spans() {
        if span.starts_with("weir_") || span.starts_with("gen_ai_") {
            let name = span.split('{').next().unwrap_or_default();
            assert!(
                metrics.contains(&format!("# TYPE {name} ")),
                "`{span}` of {document} is not in:\n{metrics}"
            );
            count += 1;
        }
    }
    assert!(count >= 5, "the operator is told what to watch");
}

/// Every piece of inline code in the documents, with the document's name.
fn spans() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in documents() {
        let text = std::fs::read_to_string(root().join(&path)).expect("the document is there");
        let prose: Vec<&str> = text.split("\n```").step_by(2).collect();
        for paragraph in prose.join("\n\n").split("\n\n") {
            let code = paragraph.split('`').skip(1).step_by(2);
            found.extend(code.map(|span| (path.display().to_string(), span.replace('\n', " "))));
        }
    }
    found
}

fn documents() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ]
    .map(PathBuf::from)
    .into();
    let folder = std::fs::read_dir(root().join("docs")).expect("there is a folder of documents");
    for entry in folder.flatten() {
        paths.push(Path::new("docs").join(entry.file_name()));
    }
    paths
}

/// The fenced blocks of a language.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let parts = markdown.split(&fence).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// Runs a line of a shell in which `weir` is the binary under test.
fn weir(home: &Path, line: &str) -> Output {
    let folder = Path::new(WEIR).parent().expect("the binary is in a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.display());
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(line)
        .current_dir(home)
        .env_clear()
        .env("PATH", path);
    shell.output().expect("a shell runs")
}

#[track_caller]
fn assert_succeeds(output: Output, what: &str) {
    assert!(output.status.success(), "{what}: {output:?}");
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let rest = text
        .split_once(from)
        .unwrap_or_else(|| panic!("`{from}` is missing"))
        .1;
    rest.split(to).next().unwrap_or(rest)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|problem| panic!("{path}: {problem}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
