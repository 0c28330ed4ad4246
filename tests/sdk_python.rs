//! openai-python against the gateway: tests/python, run by pytest.

use std::path::Path;

use weir_testkit::sdk::{self, Target};
use weir_testkit::{Gateway, Upstream};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn openai_python_works() {
    let upstream = Upstream::start();
    // One attempt, so that the SDK's own retries are seen.
    let gateway = Gateway::builder(WEIR)
        .provider("up", &upstream)
        .set("retry", "max_attempts: 1")
        .start();
    gateway.add_user("sdk");
    let token = gateway.create_token("sdk", &["--rpm", "1000000"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let target = Target {
        base_url: gateway.base_url(),
        api_key: token.secret,
        model_prefix: "up/".to_owned(),
        upstream_url: format!("http://{}", upstream.address()),
    };
    sdk::run_python(&folder, &target);
}
