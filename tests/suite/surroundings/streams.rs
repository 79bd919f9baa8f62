//! Input and output that are closed, full, or something else than a stream.

use std::fs::OpenOptions;
use std::process::Stdio;

use super::{FINITE, Place, ended, stderr, stdout};

/// What a command says that cannot write, in two forms.
const FULL: &str = "error: could not write: No space left on device\n";

#[test]
fn a_full_disk_behind_the_output_is_told_in_one_sentence() {
    let mut place = Place::new();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in FINITE {
        for format in ["human", "json", "ndjson", "tsv", "raw"] {
            // Help has one form, and that a message was sent has no essence to tell.
            let is_other = arguments.contains(&"--help") && format != "human";
            if is_other || arguments.starts_with(&["send"]) && format == "raw" {
                continue;
            }
            let mut command = place.shell.command(arguments);
            let output = command.args(["-o", format]).stdout(full()).output().unwrap();
            let what = format!("{arguments:?} as {format}");
            ended(&output, 10, &what);
            if matches!(format, "json" | "ndjson") {
                let error: serde_json::Value = serde_json::from_str(&stderr(&output)).expect(&what);
                assert_eq!(error["message"], "could not write: No space left on device");
            } else {
                assert_eq!(stderr(&output), FULL, "{what}");
            }
        }
    }
    for arguments in [&["listen"][..], &["events"], &["raw"], &["run", "-"]] {
        let mut command = place.shell.command(&[&["-N", "ear"], arguments].concat());
        let child = command.stdin(Stdio::piped()).stdout(full()).stderr(Stdio::piped()).spawn().unwrap();
        match arguments[0] {
            "raw" => {
                let mut child = child;
                let mut input = child.stdin.take().unwrap();
                std::io::Write::write_all(
                    &mut input,
                    b"{\"type\":\"IDENTIFY\",\"name\":\"ear\",\"version\":\"0.2.0\"}\n",
                )
                .unwrap();
                let output = child.wait_with_output().unwrap();
                ended(&output, 10, "raw");
                assert_eq!(stderr(&output), FULL);
            }
            "run" => {
                let mut child = child;
                std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"whoami\nwhoami\n").unwrap();
                let output = child.wait_with_output().unwrap();
                ended(&output, 10, "run");
            }
            _ => {
                place.bob.see_join("ear").unwrap();
                place.bob.send_to("ear", "1").unwrap();
                let output = child.wait_with_output().unwrap();
                ended(&output, 10, arguments[0]);
                assert_eq!(stderr(&output), FULL);
            }
        }
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_stream_quietly_even_when_nothing_comes() {
    let mut place = Place::new();
    let line = "concierge -N ear events --json | head -1; echo ${PIPESTATUS[0]} >&2";
    let child = place.shell.line(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    place.bob.see_join("ear").unwrap();
    // One line for `head`, and then silence: the stream notices by itself that nobody reads.
    place.bob.send_to("ear", "1").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).contains("\"data\":1"), "{output:?}");
    assert_eq!(stderr(&output), "0\n");
}

#[test]
fn a_reader_that_reads_nothing_at_all_is_a_quiet_success() {
    let place = Place::new();
    for arguments in FINITE {
        let words: Vec<_> = arguments.iter().map(|word| format!("'{word}'")).collect();
        let line = format!("concierge {} 2>&1 >&3 3>&- | cat >&2", words.join(" "));
        // `true` has gone before anything is written, or soon after: both are no reason to complain.
        let line = format!("exec 3> >(true); sleep 0; {line}; exit ${{PIPESTATUS[0]}}");
        let output = place.shell.line(&line).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert!(!stderr(&output).contains("error"), "{arguments:?}: {output:?}");
    }
}

#[test]
fn streams_that_are_closed_do_no_harm() {
    let place = Place::new();
    for arguments in FINITE {
        let words: Vec<_> = arguments.iter().map(|word| format!("'{word}'")).collect();
        for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
            let output =
                place.shell.line(&format!("concierge {} {closed}", words.join(" "))).output().unwrap();
            ended(&output, 0, &format!("{arguments:?} {closed}"));
        }
    }
    // Errors have their codes, whether they can be told or not.
    for closed in ["<&-", ">&-", "2>&-"] {
        let output = place.shell.line(&format!("concierge send nobody hi {closed}")).output().unwrap();
        ended(&output, 6, closed);
    }
}

#[test]
fn an_input_that_is_closed_is_an_empty_one() {
    let place = Place::new();
    let output = place.shell.line("concierge send bob - <&-").output().unwrap();
    ended(&output, 2, "send");
    assert!(
        stderr(&output).starts_with("error: there is nothing to send: the input is empty\n"),
        "{output:?}"
    );
    for line in ["concierge run - <&-", "concierge <&-", "concierge raw <&-"] {
        ended(&place.shell.line(line).output().unwrap(), 0, line);
    }
}

#[test]
fn an_input_that_is_a_folder_is_told() {
    let place = Place::new();
    for line in ["concierge send bob - </", "concierge run - </", "concierge raw </"] {
        let output = place.shell.line(line).output().unwrap();
        ended(&output, 10, line);
        let said = stderr(&output);
        assert!(said.contains("the input: Is a directory\n"), "{line} said:\n{said}");
        assert_eq!(said.matches("error:").count(), 1, "{line} said:\n{said}");
    }
    for arguments in [&["send", "bob", "@/"][..], &["run", "/"], &["--secret-file", "/", "whoami"]] {
        let output = place.shell.run(arguments).unwrap();
        ended(&output, 10, &format!("{arguments:?}"));
        assert!(stderr(&output).contains("Is a directory"), "{output:?}");
    }
}

#[test]
fn input_that_is_not_text_is_told() {
    let place = Place::new();
    for (arguments, code) in [(&["send", "bob", "-"][..], 10), (&["run", "-"], 10), (&["raw"], 10)] {
        let output = place.shell.run_with_input(arguments, b"\xff\xfe\n").unwrap();
        ended(&output, code, &format!("{arguments:?}"));
        assert!(stderr(&output).contains("UTF-8"), "{output:?}");
    }
}
