use weir_config::Credential;

use super::*;

/// 2015-08-30T12:36:00Z, the moment of Amazon's test suite.
const NOW_MS: u64 = 1_440_938_160_000;

fn key(token: Option<&str>) -> AwsKey {
    let document = serde_json::json!({
        "kind": "aws", "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "session_token": token,
    });
    match Credential::parse(&document.to_string()) {
        Ok(Credential::Aws(key)) => key,
        _ => unreachable!("an access key was written"),
    }
}

fn headers_of(key: &AwsKey, scope: (&str, &str), request: &Signing<'_>) -> Vec<(String, String)> {
    let headers = sign(key, scope.0, scope.1, request).unwrap();
    let text = |(name, value): (HeaderName, HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    headers.into_iter().map(text).collect()
}

/// Amazon's own test suite (aws-sig-v4-test-suite), as far as it signs no headers that are not sent here: method, path and
/// query, signature. `U` stands for all that is unreserved.
const SUITE: &[(&str, &str, &str)] = &[
    (
        "GET",
        "/",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "GET",
        "",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "GET",
        "/U",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "GET",
        "/ሴ",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    (
        "GET",
        "/?Param1=value1",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "GET",
        "/?Param1=value2&Param1=Value1",
        "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
    ),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "GET",
        "/?Param1=value2&Param1=value1",
        "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
    ),
    (
        "GET",
        "/?U=U",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "GET",
        "/?ሴ=bar",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "GET",
        "/?%e1%88%B4=bar",
        "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
    ),
    (
        "POST",
        "/",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "POST",
        "/?Param1=value1",
        "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
    ),
];

#[test]
fn the_signatures_are_those_of_amazons_test_suite() {
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (method, path_and_query, signature) in SUITE {
        let path_and_query = &path_and_query.replace('U', unreserved);
        let request = Signing {
            method,
            host: "example.amazonaws.com",
            path_and_query,
            body: b"",
            now_ms: NOW_MS,
        };
        let headers = headers_of(&key(None), ("us-east-1", "service"), &request);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        let expected = [
            ("authorization".to_owned(), authorization),
            ("x-amz-date".to_owned(), "20150830T123600Z".to_owned()),
        ];
        assert_eq!(headers, expected, "{method} {path_and_query}");
    }
}

/// What botocore's SigV4Auth signs for Bedrock: an encoded id in the path, and a session's token.
#[test]
fn bedrocks_paths_and_sessions_are_signed_as_amazons_sdk_does() {
    let request = |path_and_query, body| Signing {
        method: "POST",
        host: "bedrock-runtime.eu-central-1.amazonaws.com",
        path_and_query,
        body,
        now_ms: NOW_MS,
    };
    let scope = ("eu-central-1", "bedrock");
    let plain = request("/model/eu.anthropic.claude-v1%3A0/converse", br#"{"a":1}"#);
    let headers = headers_of(&key(None), scope, &plain);
    assert!(
        headers[0]
            .1
            .ends_with("dfea0997d744a12a94b0ad3c204596575ec694945f13321ffc3deabb49cf97f9"),
        "{headers:?}"
    );
    let path = "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ax%2Fy/converse-stream";
    let headers = headers_of(&key(Some("TOKEN/+=")), scope, &request(path, b"{}"));
    assert!(
        headers[0].1.ends_with(
            "SignedHeaders=host;x-amz-date;x-amz-security-token, \
             Signature=f40e7b5e68bd01e73925d0ef986075b417c755b075a3cada58ae75144670cd91"
        ),
        "{headers:?}"
    );
    assert_eq!(
        headers[2],
        ("x-amz-security-token".to_owned(), "TOKEN/+=".to_owned())
    );
}

#[test]
fn a_host_tells_its_region() {
    assert_eq!(
        region_of("bedrock-runtime.eu-central-1.amazonaws.com"),
        Some("eu-central-1")
    );
    assert_eq!(
        region_of("bedrock-runtime-fips.us-gov-west-1.amazonaws.com:443"),
        Some("us-gov-west-1")
    );
    assert_eq!(
        region_of("vpce-0a-1b.bedrock-runtime.us-east-1.vpce.amazonaws.com"),
        Some("us-east-1")
    );
    assert_eq!(region_of("proxy.example.com"), None);
    assert_eq!(region_of("us-east-1.evil.example"), None);
}

proptest::proptest! {
    #[test]
    fn no_path_makes_it_panic(path_and_query in "\\PC{0,40}") {
        let request = Signing { method: "POST", host: "h", path_and_query: &path_and_query, body: b"", now_ms: 0 };
        let _ = sign(&key(None), "r", "s", &request);
    }
}
