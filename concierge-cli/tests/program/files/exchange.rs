//! What is stored is fetched as it was, and told in each format.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::symlink,
    path::Path,
};

use concierge_client::files::FileError;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::{Home, noise, start, store};
use crate::{
    front::{Deed, Front},
    gateway::Gateway,
};

#[test]
fn what_is_put_and_held_can_be_fetched_by_others_until_the_command_ends() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let home = Home::new();
    let content = noise(300_000);
    home.keep("maps/north.bin", &content);
    home.keep("maps/deep/x", "deep");
    let mut child = start(&gateway.url, &home, &["-N", "ann", "files", "put", "maps", "--hold"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("stored ann/maps/deep/x") && line.contains("sha256 "), "{line}");
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("stored ann/maps/north.bin  292.97 KiB"), "{line}");
    let fetched = gateway.run(&["files", "get", "ann", "--into", &home.text("here")]);
    assert!(&fetched == 0, "{fetched:?}");
    assert_eq!(home.read("here/maps/north.bin"), content);
    assert_eq!(home.read("here/maps/deep/x"), b"deep");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert!(matches!(
        bob.wait(async { bob.client.files().get("ann", "maps/deep/x").bytes(9).await }),
        Err(FileError::NotFound { .. })
    ));
}

#[test]
fn each_format_tells_of_files_as_its_schema_says() {
    let gateway = Gateway::start();
    let home = Home::new();
    let (x, y) = (home.keep("x", "1"), home.keep("y", "22"));
    let sum = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    let script = |format: &str| {
        let into = home.text(&format!("into_{}", format.trim_start_matches('-').replace(' ', "_")));
        let script = format!(
            "files put {x} {y} --to f {format}\nfiles put {x} --as f/x {format}\nfiles ls {format}\n\
             files ls me/f/ {format}\nfiles get me/f/ --into {into} {format}\nfiles rm -r f {format}\nfiles ls {format}\n"
        );
        let outcome = gateway.run_with_input(&["-N", "me", "run", "-"], &script);
        assert!(&outcome == 0, "{outcome:?}");
        outcome
    };
    let records = script("--json").records();
    let kinds: Vec<_> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        ["files_stored", "files_stored", "files", "files", "files_fetched", "files_removed", "files"]
    );
    assert_eq!(records[0]["files"][0]["path"], "f/x");
    assert_eq!(
        (&records[0]["files"][0]["size"], &records[0]["files"][0]["sha256"]),
        (&json!(1), &json!(sum))
    );
    assert_eq!(
        (&records[0]["files"][0]["replaced"], &records[1]["files"][0]["replaced"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&records[2]["files"][1]["size"], &records[2]["files"][0]["sha256"]),
        (&json!(2), &json!(sum))
    );
    assert_eq!(records[4]["files"][0]["sha256"], sum);
    assert_eq!(records[6]["files"], json!([]));
    let records = script("-o ndjson").records();
    assert_eq!(records.len(), 2 + 1 + 2 + 2 + 2 + 2);
    assert_eq!(records[0]["type"], "file_stored");
    for record in records {
        let kind = record["type"].as_str().unwrap().to_owned();
        assert!(["file_stored", "file", "file_fetched", "file_removed"].contains(&&*kind), "{kind}");
    }
    let rows = script("-o tsv").stdout;
    assert_eq!(rows.lines().next().unwrap(), format!("me\tf/x\t1\t{sum}\tfalse"));
    assert!(rows.lines().nth(3).unwrap().starts_with("me\tf/x\t1\t"), "{rows}");
    let raw = script("-o raw").stdout;
    assert!(raw.starts_with("me/f/x\nme/f/y\nme/f/x\nf/x\nf/y\nf/x\nf/y\n"), "{raw}");
    assert!(raw.ends_with("f/x\nf/y\n"), "{raw}");
}

#[test]
fn what_comes_in_goes_out_byte_for_byte() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let home = Home::new();
    let content = noise(3_000_000);
    let mut child =
        start(&gateway.url, &home, &["-N", "ann", "files", "put", "-", "--as", "a b/ö", "--hold"]);
    let mut input = child.stdin.take().unwrap();
    input.write_all(&content).unwrap();
    drop(input);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    assert_eq!(
        bob.wait(async { bob.client.files().get("ann", "a b/ö").bytes(3_000_000).await }).unwrap(),
        content
    );
    let out =
        start(&gateway.url, &home, &["files", "get", "ann/a b/ö", "-O", "-"]).wait_with_output().unwrap();
    assert_eq!((out.status.code(), out.stdout == content), (Some(0), true));
    // Whoever has seen enough is no failure.
    let mut child_out = start(&gateway.url, &home, &["files", "get", "ann/a b/ö", "-O", "-"]);
    BufReader::with_capacity(16, child_out.stdout.take().unwrap()).fill_buf().unwrap();
    let ended = child_out.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), &*ended.stderr), (Some(0), &b""[..]));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn some_of_several_is_partly_done() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "x", "1");
    let home = Home::new();
    let x = home.keep("x", "1");
    let put = gateway.run(&["files", "put", &x, &home.text("nothing"), "--json"]);
    assert!(&put == 9, "{put:?}");
    assert_eq!(put.record()["files"].as_array().unwrap().len(), 1);
    let errors: Vec<_> = put
        .errors()
        .into_iter()
        .filter(|record| record["type"] == "error")
        .map(|error| error["exit"].clone())
        .collect();
    assert_eq!(errors, [10, 9]);
    let got = gateway.run(&["files", "get", "bob/x", "bob/nothing", "--into", &home.text("into"), "--json"]);
    assert!(&got == 9, "{got:?}");
    assert_eq!(got.record()["files"][0]["path"], "x");
    let errors: Vec<_> = got.errors().iter().map(|error| error["exit"].clone()).collect();
    assert_eq!(errors, [6, 9]);
    let none = gateway.run(&["files", "get", "bob/a", "bob/b", "--into", &home.text("none")]);
    assert!(&none == 6, "{none:?}");
    assert!(!home.path("none").exists());
}

#[test]
fn nothing_is_replaced_unless_that_was_asked_for() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "maps/x", "new");
    let home = Home::new();
    let x = home.keep("into/x", "mine");
    for arguments in [
        &["files", "get", "bob/maps/", "--into", &home.text("into")][..],
        &["files", "get", "bob/maps/x", "-O", &x],
    ] {
        let refused = gateway.run(arguments);
        assert!(&refused == 10, "{refused:?}");
        assert!(refused.stderr.contains("is there already\nhint:  --force replaces it"), "{refused:?}");
        assert_eq!(home.read("into/x"), b"mine");
        let forced = gateway.run(&[arguments, &["--force"]].concat());
        assert!(&forced == 0, "{forced:?}");
        assert_eq!(home.read("into/x"), b"new");
        home.keep("into/x", "mine");
    }
    assert_eq!(home.everything(), ["into", "into/x"]);
}

#[test]
fn each_file_has_its_line_as_soon_as_it_is_there() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "big", noise(5_000_000));
    store(&bob, "small", "x");
    let home = Home::new();
    let front = Front::before(&gateway.url, vec![("GET /fs/bob/big", Deed::Stall { after: 1_000_000 })]);
    let mut child = start(&front.url, &home, &["files", "get", "bob/big", "bob/small", "-o", "ndjson"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains(r#""type":"file_fetched""#) && line.contains(r#""path":"small""#), "{line}");
    // The other one is still on its way.
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!((lines.count(), home.everything()), (0, vec!["small".to_owned()]));
}

#[test]
fn a_folder_is_put_without_following_links() {
    let gateway = Gateway::start();
    let home = Home::new();
    home.keep("folder/x", "1");
    symlink("/etc/passwd", home.path("folder/link")).unwrap();
    let put = gateway.run(&["files", "put", &home.text("folder"), "--json"]);
    assert!(&put == 0, "{put:?}");
    assert_eq!(put.record()["files"].as_array().unwrap().len(), 1);
    let told =
        put.errors().iter().any(|note| note["message"].as_str().unwrap().ends_with("link, a symbolic link"));
    assert!(told, "{put:?}");
    fs::create_dir(home.path("empty")).unwrap();
    let nothing = gateway.run(&["files", "put", &home.text("empty")]);
    assert!(&nothing == 10, "{nothing:?}");
    assert!(Path::new(&home.text("empty")).is_dir());
}

#[test]
fn storing_and_fetching_are_measured() {
    let gateway = Gateway::start();
    let told = gateway.run(&["bench", "files", "-n", "7", "--size", "70000", "-C", "3", "--json"]);
    assert!(&told == 0, "{told:?}");
    let record = told.record();
    assert_eq!((&record["put"]["files"], &record["get"]["files"]), (&json!(7), &json!(7)));
    assert_eq!(record["get"]["latency"]["count"], 7);
    let told = gateway.run(&["bench", "files", "--for", "1ms", "-o", "tsv"]);
    assert!(&told == 0, "{told:?}");
    assert_eq!(told.stdout.lines().map(|row| row.split('\t').count()).collect::<Vec<_>>(), [8, 8]);
    let without = Gateway::configured("[files]\nserve = false");
    let refused = without.run(&["bench", "files", "-n", "1"]);
    assert!(&refused == 1, "{refused:?}");
    assert!(
        refused.stderr.contains("hint:  whoever runs the gateway can set files.serve = true"),
        "{refused:?}"
    );
}
