//! `--jq`: what a filter makes of each record is written instead of it.

use crate::gateway::{Gateway, Outcome, run_in};

fn filtered(outcome: &Outcome) -> &str {
    assert!(outcome == 0, "{outcome:?}");
    &outcome.stdout
}

#[test]
fn a_filter_gives_json_or_text_without_quotes() {
    let gateway = Gateway::start();
    let whoami = ["-N", "bob", "whoami", "--jq", ".client.name, .v"];
    assert_eq!(filtered(&gateway.run(&whoami)), "\"bob\"\n1\n");
    assert_eq!(filtered(&gateway.run(&[&whoami[..], &["-o", "raw"]].concat())), "bob\n1\n");
}

#[test]
fn a_list_is_one_document_or_its_entries() {
    let gateway = Gateway::start();
    let _peers = [gateway.peer("al"), gateway.peer("bo")];
    let names = filtered(&gateway.run(&["clients", "ls", "--jq", "[.clients[].name]"])).to_owned();
    assert!(names.starts_with(r#"["al","bo","cli_"#), "{names}");
    let first = gateway.run(&["clients", "ls", "-o", "ndjson", "--jq", "select(.name == \"bo\").type"]);
    assert_eq!(filtered(&first), "\"client\"\n");
    assert_eq!(filtered(&gateway.run(&["clients", "ls", "--jq", "empty"])), "");
}

#[test]
fn a_line_of_a_script_has_a_filter_of_its_own() {
    let gateway = Gateway::start();
    let script = "whoami --jq .type\nwhoami -o raw\nsend al [1] --jq .target.name\n";
    let outcome = gateway.run_with_input(&["-N", "al", "run", "-"], script);
    assert!(filtered(&outcome).starts_with("\"SELF_FETCH_RESULT\"\nal\n"), "{outcome:?}");
    assert!(outcome.stdout.contains("\n\"al\"\n"), "{outcome:?}");
}

#[test]
fn a_filter_that_makes_no_sense_is_a_usage_error_without_a_gateway() {
    let nowhere = [("CONCIERGE_URL", "ws://127.0.0.1:1/ws")];
    let outcome = run_in(&["whoami", "--jq", ".a | foo"], "", &nowhere);
    assert!(&outcome == 2, "{outcome:?}");
    let error = &outcome.errors()[0];
    assert_eq!(error["message"], "jq: there is no filter `foo` (column 6)");
    assert!(&run_in(&["whoami", "--jq", ".", "-o", "tsv"], "", &nowhere) == 2);
}

#[test]
fn a_filter_that_does_not_fit_a_record_is_one_too() {
    let gateway = Gateway::start();
    let outcome = gateway.run(&["whoami", "--jq", ".type.name"]);
    assert!(&outcome == 2, "{outcome:?}");
    assert!(outcome.errors()[0]["message"].as_str().unwrap().contains("cannot index"));
}
