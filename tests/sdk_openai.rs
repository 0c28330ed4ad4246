//! OpenAI's own clients against the gateway: tests/python, run by pytest, and tests/node, run by node --test.

use std::path::Path;

use weir_testkit::sdk::{self, Target};
use weir_testkit::{Gateway, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

fn with_suite(folder: &str, run: impl Fn(&Path, &Target)) {
    let upstream = Upstream::start();
    // One attempt, so that the SDK's own retries are seen.
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("retry", "max_attempts: 1")
        .start();
    gateway.add_user("sdk");
    let token = gateway.create_token("sdk", &["--rpm", "1000000"]);
    let target = Target {
        base_url: gateway.base_url(),
        api_key: token.secret,
        model_prefix: "up/".to_owned(),
        upstream_url: upstream.root_url(),
    };
    run(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &target);
}

#[test]
fn openai_python_works() {
    with_suite("tests/python", sdk::run_python);
}

#[test]
fn openai_node_works() {
    with_suite("tests/node", sdk::run_node);
}
