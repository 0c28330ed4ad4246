//! Other clients than OpenAI's own, and OpenAI's Responses, against every provider's format: tests/python_formats and
//! tests/node_formats.

use std::path::Path;

use weir_testkit::sdk::{self, Target};
use weir_testkit::{Gateway, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

/// Runs a suite against a gateway with a provider of every format.
fn with_suite(folder: &str, run: impl Fn(&Path, &Target)) {
    let upstream = Upstream::start();
    let gateway = Gateway::with_every_format(WEIR, &upstream).start();
    gateway.add_user("sdk");
    let token = gateway.create_token("sdk", &["--rpm", "1000000"]);
    let target = Target {
        base_url: gateway.base_url(),
        api_key: token.secret,
        model_prefix: String::new(),
        upstream_url: upstream.root_url(),
    };
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &target);
}

/// A suite of its own for each client, so that they run beside each other.
fn with_python_suite(name: &str) {
    with_suite(&format!("tests/python_formats/{name}.py"), sdk::run_python);
}

macro_rules! python_suites {
    ($($client:ident: $suite:literal,)*) => {
        $(
            #[test]
            fn $client() {
                with_python_suite($suite);
            }
        )*

        const PYTHON_SUITES: &[&str] = &[$($suite),*];
    };
}

python_suites! {
    anthropic_works_with_every_format: "test_anthropic",
    google_genai_works_with_every_format: "test_google_genai",
    instructor_works_with_every_format: "test_instructor",
    langchain_works_with_every_format: "test_langchain",
    litellm_works_with_every_format: "test_litellm",
    the_llm_command_works_with_every_format: "test_llm_cli",
    openai_responses_work_with_every_format: "test_openai_responses",
    pydantic_ai_works_with_every_format: "test_pydantic_ai",
}

#[test]
fn every_suite_in_python_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_formats");
    let entries = std::fs::read_dir(folder).expect("the suites are there");
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let suite = name.strip_suffix(".py").unwrap_or_default();
        let is_run = !suite.starts_with("test_") || PYTHON_SUITES.contains(&suite);
        assert!(is_run, "{name} has no test above");
    }
}

#[test]
fn clients_in_node_work_with_every_format() {
    with_suite("tests/node_formats", sdk::run_node);
}
