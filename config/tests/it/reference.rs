use std::collections::BTreeMap;

use weir_config::{Source, load, reference_markdown};

#[test]
fn the_committed_reference_is_current() {
    let committed = include_str!("../../../docs/CONFIGURATION.md");
    assert!(
        committed == reference_markdown(),
        "docs/CONFIGURATION.md is out of date: \
         cargo run -p weir-config --example reference > docs/CONFIGURATION.md"
    );
}

#[test]
fn the_examples_in_the_reference_load() {
    let reference = reference_markdown();
    let blocks = reference.split("```yaml\n").skip(1);
    let examples: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .collect();
    assert_eq!(examples.len(), 7);
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "sk-1").unwrap();
    // Each is a drop-in of its own: they build on one another, as the reference does.
    for (index, example) in examples.iter().enumerate() {
        let text = example.replace("/run/secrets/openai-second", &secret.display().to_string());
        std::fs::write(folder.path().join(format!("{index}.yaml")), text).unwrap();
    }
    let source = Source {
        config_file: None,
        conf_dirs: vec![folder.path().to_owned()],
        env: BTreeMap::new(),
    };
    if let Err(errors) = load(&source) {
        panic!("{errors}");
    }
}
