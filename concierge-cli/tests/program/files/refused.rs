//! What cannot be is told, with what helps: on this side, by the gateway, and by one that lies.

use std::{fs, os::unix::fs::symlink};

use serde_json::json;

use super::{Home, noise, store};
use crate::{
    front::{Deed, Front, http},
    gateway::{Gateway, run_in},
};

#[test]
fn what_is_not_there_is_told_with_what_may_have_been_meant() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "maps/north.json", "{}");
    for (arguments, hint) in [
        (&["files", "get", "bbo/maps/north.json"][..], "did you mean \"bob\"?"),
        (&["files", "ls", "bbo"], "did you mean \"bob\"?"),
        (&["files", "get", "bbo"], "did you mean \"bob\"?"),
        (&["files", "get", "bob/maps/noth.json"], "did you mean \"bob/maps/north.json\"?"),
        (&["files", "get", "bob/maps"], "it is a folder: `files get bob/maps/`"),
        (&["files", "get", "bob/mpas/"], "did you mean \"bob/maps/\"?"),
        (&["files", "ls", "bob/mpas"], "did you mean \"bob/maps/\"?"),
        (&["files", "rm", "x"], "each command is a client of its own"),
    ] {
        let outcome = gateway.run(arguments);
        assert!(&outcome == 6, "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains(hint), "{arguments:?}: {outcome:?}");
    }
    let home = Home::new();
    let script = format!("files put {} --as maps/x\nfiles rm mapx/x", home.keep("x", ""));
    let outcome = gateway.run_with_input(&["run", "-"], &script);
    assert!(&outcome == 6, "{outcome:?}");
    assert!(outcome.stderr.contains("did you mean \"maps/x\"?"), "{outcome:?}");
    let script = script.replace("mapx/x", "maps");
    let outcome = gateway.run_with_input(&["run", "-"], &script);
    assert!(outcome.stderr.contains("it is a folder: `files rm -r maps`"), "{outcome:?}");
}

#[test]
fn what_the_gateway_refuses_is_told_with_a_hint() {
    let home = Home::new();
    // More than goes out before the answer comes.
    let x = home.keep("x", noise(4_000_000));
    for (settings, code, part) in [
        ("[files]\nfile_bytes = 4", 1, "hint:  whoever runs the gateway can raise files.file_bytes"),
        ("[files]\nclient_bytes = 4", 1, "hint:  delete files that are not needed"),
        ("[files]\nserve = false", 1, "hint:  whoever runs the gateway can set files.serve = true"),
    ] {
        let gateway = Gateway::configured(settings);
        let refused = gateway.run(&["files", "put", &x]);
        assert!(&refused == code, "{settings}: {refused:?}");
        assert!(refused.stderr.contains(part), "{settings}: {refused:?}");
        let several = gateway.run(&["files", "put", &x, &home.keep("y", "54321")]);
        assert!(&several == code, "{settings}: {several:?}");
        assert!(several.stderr.ends_with("error: none of 2 files was stored\n"), "{several:?}");
    }
    let gateway = Gateway::start();
    let odd = gateway.run(&["files", "put", &x, "--as", "a/CON"]);
    assert!(&odd == 2, "{odd:?}");
    assert!(odd.stderr.contains("hint:"), "{odd:?}");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let home = Home::new();
    let x = home.keep("x", "");
    let nobody = [("CONCIERGE_URL", "ws://127.0.0.1:1/ws")];
    for arguments in [
        &["files", "put"][..],
        &["files", "put", "-", "--as"],
        &["files", "put", &x, "--as", "../x"],
        &["files", "put", &x, "--as", "a//b"],
        &["files", "put", &x, "--as", "a", "--to", "b"],
        &["files", "put", &x, "--parallel", "0"],
        &["files", "get"],
        &["files", "get", "bob/../x"],
        &["files", "get", "b b/x"],
        &["files", "get", "bob/x", "-O", "a", "--into", "b"],
        &["files", "rm"],
        &["files", "rm", ".."],
        &["files", "ls", "bob//x"],
    ] {
        assert!(&run_in(arguments, "", &nobody) == 2, "{arguments:?}");
    }
    let gateway = Gateway::start();
    for arguments in [
        &["files", "put", "-"][..],
        &["files", "put", &x, &x],
        &["files", "put", &x, &x, "--as", "y"],
        &["files", "get", "bob/", "-O", "a"],
        &["files", "get", "bob/x", "bob/y", "-O", "-"],
    ] {
        let outcome = gateway.run(arguments);
        assert!(&outcome == 2, "{arguments:?}: {outcome:?}");
        assert!(outcome.stderr.contains("hint:"), "{arguments:?}: {outcome:?}");
    }
    for line in ["files put - --as x", "files get bob/x -O -"] {
        let outcome = gateway.run_with_input(&["run", "-"], line);
        assert!(&outcome == 2, "{line}: {outcome:?}");
        assert!(outcome.stderr.contains("`-` is for the shell"), "{outcome:?}");
    }
}

#[test]
fn names_from_a_hostile_gateway_lead_nowhere() {
    let gateway = Gateway::start();
    let home = Home::new();
    home.keep("outside", "safe");
    fs::create_dir(home.path("into")).unwrap();
    symlink(home.0.path(), home.path("into/link")).unwrap();
    let hostile = [
        "../outside",
        "a/../../outside",
        "/etc/outside",
        "link/outside",
        "a\u{0}b",
        "\u{1b}[2J",
        "..",
        "a/..",
        ".",
        "",
        "a//b",
        "a\nb",
        "\u{202e}gpj",
    ];
    let file = |path: &str| json!({"path": path, "size": 5, "modified": 0, "etag": "\"x\""});
    let listed: Vec<_> = hostile.iter().map(|path| file(path)).chain([file("good")]).collect();
    let front = Front::before(
        &gateway.url,
        vec![
            ("GET /fs/evil/ ", Deed::Answer(http(&json!(listed).to_string()))),
            ("GET /fs/evil/", Deed::Answer(http("pwned"))),
        ],
    );
    let variables = [("CONCIERGE_URL", &*front.url)];
    let got = run_in(&["files", "get", "evil/", "--into", &home.text("into"), "--force"], "", &variables);
    assert!(&got == 9, "{got:?}");
    assert!(!got.stderr.contains('\u{1b}') && !got.stderr.contains('\u{202e}'), "{got:?}");
    assert!(
        got.stderr.contains(&format!("{} of {} files were not fetched", hostile.len(), listed.len())),
        "{got:?}"
    );
    assert_eq!(home.read("outside"), b"safe");
    assert_eq!(home.read("into/good"), b"pwned");
    assert_eq!(home.everything(), ["into", "into/good", "into/link", "outside"]);
    let shown = run_in(&["files", "ls", "evil"], "", &variables);
    assert!(&shown == 0, "{shown:?}");
    assert!(!shown.stdout.contains('\u{1b}') && !shown.stdout.contains('\u{202e}'), "{shown:?}");
    assert_eq!(shown.stdout.lines().count(), listed.len());
}

#[test]
fn what_goes_wrong_on_this_side_is_told_with_what_helps() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "maps/north", "x");
    let home = Home::new();
    home.keep("into/maps/south", "mine");
    let (into, file) = (home.text("into"), home.text("into/maps/south"));
    for (arguments, part) in [
        (&["get", "bob/maps", "--into", &into][..], "`CLIENT/FOLDER/` with a slash"),
        (&["get", "bob/maps/", "--into", &format!("{file}/x")], "hint:  may you write there?"),
        (&["get", "bob/maps/north", "-O", &home.text("none/x")], "hint:  --into makes a folder"),
        (&["put", "~/maps"], "`~` and `*`"),
        (&["put", &home.text("*.json")], "`~` and `*`"),
        (&["put", &home.text("none")], "seen from the folder"),
    ] {
        let outcome = gateway.run(&[&["files"], arguments].concat());
        assert!(&outcome == 10 && outcome.stderr.contains(part), "{arguments:?}: {outcome:?}");
    }
    let listed = gateway.run(&["files", "ls"]);
    assert!(&listed == 0 && listed.stderr.contains("`files ls CLIENT`"), "{listed:?}");
}
