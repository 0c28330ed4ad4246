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

#[test]
fn clients_in_python_work_with_every_format() {
    with_suite("tests/python_formats", sdk::run_python);
}

#[test]
fn clients_in_node_work_with_every_format() {
    with_suite("tests/node_formats", sdk::run_node);
}
