//! The container and the compose file say what the code does: ports, paths, settings, commands, and how it is built.

#![expect(
    clippy::expect_used,
    reason = "a failed expectation is the test's failure"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use saphyr::{LoadableYamlNode, Yaml};
use weir_config::{Settings, Source};

const WEIR: &str = env!("CARGO_BIN_EXE_weir");

#[test]
fn everything_that_is_copied_exists_and_reaches_the_builder() {
    let ignored = read(".dockerignore");
    let ignored: Vec<&str> = ignored
        .lines()
        .map(|line| line.trim_end_matches('/'))
        .collect();
    for source in copied() {
        let source = source.trim_end_matches('/');
        assert!(
            root().join(source).exists(),
            "{source} is copied, and does not exist"
        );
        let mut parents = Path::new(source).ancestors();
        let hidden = parents.find(|path| {
            ignored
                .iter()
                .any(|line| Path::new(line) == *path && !line.is_empty())
        });
        assert_eq!(
            hidden, None,
            "{source} is copied, and .dockerignore hides it"
        );
    }
}

#[test]
fn the_builder_gets_every_member_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let members = between(&manifest, "members = [", "]")
        .split(',')
        .map(|member| member.trim().trim_matches('"'));
    for needed in members.chain(["src", "conf.d", "migrations", "Cargo.toml", "Cargo.lock"]) {
        let copied = copied()
            .iter()
            .any(|source| source.trim_end_matches('/') == needed);
        assert!(copied, "the Dockerfile does not copy {needed}");
    }
}

#[test]
fn the_container_is_built_as_make_release_builds() {
    let makefile = read("Makefile");
    let arguments = between(&makefile, "RELEASE_BUILD := ", "\n");
    let builds = dockerfile()
        .iter()
        .any(|i| i.keyword == "RUN" && i.arguments.contains(&format!("cargo {arguments} ")));
    assert!(builds, "the Dockerfile does not run `cargo {arguments}`");
}

#[test]
fn the_builder_has_the_rust_we_promise_and_the_runtimes_debian() {
    let from = arguments_of("FROM");
    let promised = format!("rust:{}-bookworm AS build", env!("CARGO_PKG_RUST_VERSION"));
    assert_eq!(from.first(), Some(&promised));
    let runtime = from.last().expect("there is a runtime stage");
    assert!(
        runtime.contains("debian12"),
        "bookworm is Debian 12, and its C library is what the binary wants: {runtime}"
    );
}

#[test]
fn the_image_does_not_run_as_root() {
    let users = arguments_of("USER");
    let (user, group) = users
        .last()
        .and_then(|user| user.split_once(':'))
        .expect("the last stage sets USER user:group");
    for id in [user, group] {
        assert!(
            id.parse::<u32>().is_ok_and(|id| id > 0),
            "USER {user}:{group} is not by number, or is root"
        );
    }
    let data = dockerfile()
        .into_iter()
        .find(|i| i.keyword == "COPY" && i.arguments.ends_with(" /data"));
    let owned =
        data.is_some_and(|copy| copy.arguments.contains(&format!("--chown={user}:{group}")));
    assert!(owned, "the user of the image cannot write to its volume");
}

#[test]
fn the_images_ports_and_folder_are_the_settings() {
    let settings = image_settings();
    let ops = settings
        .server
        .ops_listen
        .expect("the image opens the second listener");
    for address in [settings.server.listen, ops] {
        assert!(
            address.ip().is_unspecified(),
            "{address} is not reachable from outside of the container"
        );
    }
    let exposed = arguments_of("EXPOSE").join(" ");
    assert_eq!(
        exposed,
        format!("{} {}", settings.server.listen.port(), ops.port())
    );
    assert_eq!(
        arguments_of("VOLUME"),
        [settings.data_dir.display().to_string()]
    );
    assert!(settings.database_path().starts_with(&settings.data_dir));
}

#[test]
fn the_images_commands_exist() {
    let entry = exec_form(&arguments_of("ENTRYPOINT").join(""));
    assert_eq!(entry, ["weir"]);
    let health_check = arguments_of("HEALTHCHECK").join("");
    let health_check = exec_form(
        health_check
            .split_once("CMD ")
            .expect("the health check is a command")
            .1,
    );
    assert_eq!(health_check.first(), entry.first());
    let serve = exec_form(&arguments_of("CMD").join(""));
    for command in [serve.as_slice(), health_check.get(1..).unwrap_or_default()] {
        assert!(!command.is_empty());
        let help = Command::new(WEIR)
            .args(command)
            .arg("--help")
            .output()
            .expect("the binary runs");
        assert!(
            help.status.success(),
            "`weir {}` does not exist",
            command.join(" ")
        );
    }
}

#[test]
fn health_is_what_livez_says() {
    assert_eq!(health_when_livez_answers("200 OK"), Some(0));
    assert_eq!(
        health_when_livez_answers("503 Service Unavailable"),
        Some(1)
    );
}

#[test]
fn health_fails_where_nothing_listens() {
    let closed =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    assert_eq!(health(closed.expect("a port can be bound")), Some(1));
}

#[test]
fn compose_opens_the_api_to_this_machine_only() {
    let settings = image_settings();
    let port = settings.server.listen.port();
    assert_eq!(
        texts(&service(), "ports"),
        [format!("127.0.0.1:{port}:{port}")]
    );
}

#[test]
fn compose_keeps_what_the_gateway_writes_in_a_volume() {
    let compose = compose();
    let volumes = texts(&service(), "volumes");
    let [volume] = volumes.as_slice() else {
        panic!("one volume is enough: {volumes:?}");
    };
    let (name, folder) = volume
        .split_once(':')
        .expect("a volume has a name and a folder");
    assert_eq!(Path::new(folder), image_settings().data_dir);
    let declared = compose
        .as_mapping_get("volumes")
        .and_then(|volumes| volumes.as_mapping_get(name));
    assert!(declared.is_some(), "the volume {name} is not declared");
}

#[test]
fn compose_takes_every_privilege_that_can_be_spared() {
    let service = service();
    assert_eq!(
        service.as_mapping_get("read_only").and_then(Yaml::as_bool),
        Some(true)
    );
    assert_eq!(texts(&service, "cap_drop"), ["ALL"]);
    assert_eq!(texts(&service, "security_opt"), ["no-new-privileges:true"]);
    assert_eq!(texts(&service, "tmpfs"), ["/tmp"]);
}

#[test]
fn compose_leaves_streams_in_flight_their_grace() {
    let service = service();
    let grace = service
        .as_mapping_get("stop_grace_period")
        .and_then(Yaml::as_str);
    let seconds = grace
        .and_then(|text| text.strip_suffix('s'))
        .and_then(|text| text.parse::<u64>().ok());
    let seconds = seconds.expect("stop_grace_period is in seconds");
    assert!(
        seconds * 1_000 > image_settings().server.grace_period_ms,
        "docker kills before the gateway is done"
    );
}

/// One instruction of the Dockerfile, its continued lines joined.
struct Instruction {
    keyword: String,
    arguments: String,
}

fn dockerfile() -> Vec<Instruction> {
    let text = read("Dockerfile");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.split_once(' '));
    instructions
        .map(|(keyword, arguments)| Instruction {
            keyword: keyword.to_owned(),
            arguments: arguments.split_whitespace().collect::<Vec<_>>().join(" "),
        })
        .collect()
}

fn arguments_of(keyword: &str) -> Vec<String> {
    let instructions = dockerfile().into_iter();
    instructions
        .filter(|i| i.keyword == keyword)
        .map(|i| i.arguments)
        .collect()
}

/// What is copied from the checkout, not from another stage.
fn copied() -> Vec<String> {
    let copies = arguments_of("COPY")
        .into_iter()
        .filter(|arguments| !arguments.starts_with("--from"));
    copies
        .flat_map(|arguments| {
            let (sources, _target) = arguments.rsplit_once(' ').expect("COPY has a target");
            sources.split(' ').map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// The words of `["a", "b"]`.
fn exec_form(text: &str) -> Vec<String> {
    let words = text
        .trim()
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let words =
        words.unwrap_or_else(|| panic!("{text} is not in exec form, and the image has no shell"));
    words
        .split(',')
        .map(|word| word.trim().trim_matches('"').to_owned())
        .collect()
}

/// The settings that the gateway has in a container, by its own reading of the image's environment.
fn image_settings() -> Settings {
    let environment = arguments_of("ENV").join(" ");
    let env: BTreeMap<String, String> = environment
        .split(' ')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(!env.is_empty());
    let source = Source {
        config_file: None,
        conf_dirs: Vec::new(),
        env,
    };
    let loaded = weir_config::load(&source).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(
        loaded.warnings.is_empty(),
        "the image sets what is no setting: {:?}",
        loaded.warnings
    );
    loaded.settings
}

/// How `weir health` exits where `/livez` answers so. The listener is bound to the address that a container has.
fn health_when_livez_answers(status: &str) -> Option<i32> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port can be bound");
    let address = listener.local_addr().expect("it has an address");
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("weir health connects");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a deadline can be set");
        let mut head = Vec::new();
        let mut piece = [0_u8; 1024];
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            let read = stream
                .read(&mut piece)
                .expect("weir health sends a request");
            assert!(read > 0, "the request ended in its head");
            head.extend(piece.iter().take(read));
        }
        stream.write_all(answer.as_bytes()).expect("it is answered");
        String::from_utf8_lossy(&head).into_owned()
    });
    let exit = health(address);
    let request = server.join().expect("the request was read");
    assert!(request.starts_with("GET /livez "), "{request}");
    exit
}

fn health(ops: SocketAddr) -> Option<i32> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let health = Command::new(WEIR)
        .arg("health")
        .env_clear()
        .current_dir(folder.path())
        .env("WEIR_OPS_LISTEN", ops.to_string())
        .output()
        .expect("the binary runs");
    health.status.code()
}

fn compose() -> Yaml<'static> {
    // The tree borrows from the text, and the test ends soon.
    let text: &'static str = read("docker-compose.yml").leak();
    let documents = Yaml::load_from_str(text).expect("docker-compose.yml is YAML");
    documents
        .into_iter()
        .next()
        .expect("docker-compose.yml has a document")
}

/// The one service.
fn service() -> Yaml<'static> {
    let compose = compose();
    let services = compose
        .as_mapping_get("services")
        .and_then(Yaml::as_mapping)
        .expect("there are services");
    assert_eq!(services.len(), 1, "one service is enough");
    services.values().next().expect("it has a service").clone()
}

/// The texts of a list.
fn texts(of: &Yaml<'_>, key: &str) -> Vec<String> {
    let list = of.as_mapping_get(key).and_then(Yaml::as_sequence);
    let list = list.unwrap_or_else(|| panic!("`{key}` is a list"));
    list.iter()
        .filter_map(Yaml::as_str)
        .map(str::to_owned)
        .collect()
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
