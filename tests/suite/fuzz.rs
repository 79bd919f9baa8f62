//! What fuzzers learned: each target holds with every input of its corpus.

use std::path::Path;

use support::fuzz::TARGETS;

#[test]
fn every_target_holds_with_its_corpus() {
    for (name, target) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let mut inputs: Vec<_> =
            std::fs::read_dir(&corpus).expect(name).map(|entry| entry.expect(name).path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 5, "{name} has a corpus of {}", inputs.len());
        for input in inputs {
            let bytes = std::fs::read(&input).expect("it can be read");
            let tried = std::panic::catch_unwind(|| target(&bytes));
            assert!(tried.is_ok(), "{} does not hold with {}", name, input.display());
        }
    }
}
