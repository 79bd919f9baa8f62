//! `files`: storing, fetching, listing and deleting, by everybody's rules, and what is left when it does not go well.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use concierge_client::files::FileError;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    front::{Deed, Front, http},
    gateway::{Gateway, Peer, program, run_in},
    sessions::{Sessions, pid},
};

/// A folder to work in.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        self.path(path).to_str().unwrap().to_owned()
    }

    fn keep(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
        self.text(path)
    }

    fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    /// Everything in it, by path.
    fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(self.0.path()).unwrap().display().to_string());
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// Bytes that are no text and look alike nowhere.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 4711_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

fn store(peer: &Peer<'_>, path: &str, content: impl Into<Vec<u8>>) {
    peer.wait(async { peer.client.files().put(path, content.into()).await }).unwrap();
}

/// The program in a folder, with what it writes taken.
fn start(url: &str, home: &Home, arguments: &[&str]) -> Child {
    let mut command = program();
    command.args(arguments).current_dir(home.0.path()).env("CONCIERGE_URL", url);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

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
fn a_download_that_breaks_off_goes_on_where_it_was() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let content = noise(5_000_000);
    store(&bob, "big", content.clone());
    let front =
        Front::before(&gateway.url, vec![("GET /fs/bob/big", Deed::Break { after: 1_000_000, times: 3 })]);
    let home = Home::new();
    let variables = [("CONCIERGE_URL", &*front.url)];
    let got = run_in(&["files", "get", "bob/big", "--into", &home.text("into")], "", &variables);
    assert!(&got == 0, "{got:?}");
    assert_eq!(front.done.try_iter().count(), 3);
    assert!(home.read("into/big") == content);
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

#[test]
fn a_folder_that_was_made_for_nothing_is_gone_again() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "x", "new");
    let home = Home::new();
    home.keep("mine/x", "old");
    for (remote, into, code) in [
        ("bob/nothing", "a/b/c", 6),
        ("nobody/x", "mine/a/b", 6),
        ("bob/x", "mine", 10),
        ("bob/x", "x/y/z", 0),
    ] {
        let outcome = gateway.run(&["files", "get", remote, "--into", &home.text(into)]);
        assert!(&outcome == code, "{outcome:?}");
    }
    assert_eq!(home.everything(), ["mine", "mine/x", "x", "x/y", "x/y/z", "x/y/z/x"]);
}

#[test]
fn what_is_broken_off_leaves_nothing_behind() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "deep/big", noise(5_000_000));
    let home = Home::new();
    home.keep("into/big", "mine");
    // Nobody tidies up after who is killed; of the files there is nothing all the same.
    let (tidy, killed) = (&["into", "into/big"][..], &["into", "into/big", "into/deep"][..]);
    for (signal, code, left) in
        [(Signal::INT, Some(130), tidy), (Signal::TERM, Some(143), tidy), (Signal::KILL, None, killed)]
    {
        let front =
            Front::before(&gateway.url, vec![("GET /fs/bob/deep/big", Deed::Stall { after: 1_000_000 })]);
        let arguments = ["files", "get", "bob", "bob/deep/big", "--into", "into", "--force"];
        let child = start(&front.url, &home, &arguments);
        for _ in 0..2 {
            front.done.recv().unwrap();
        }
        assert_eq!(home.everything(), killed);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), code, "{ended:?}");
        assert_eq!(home.everything(), left);
        assert_eq!(home.read("into/big"), b"mine");
    }
}

#[test]
fn a_connection_that_breaks_off_for_good_is_lost() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    store(&bob, "big", noise(1_000_000));
    let front =
        Front::before(&gateway.url, vec![("GET /fs/bob/big", Deed::Break { after: 0, times: usize::MAX })]);
    let home = Home::new();
    let variables = [("CONCIERGE_URL", &*front.url)];
    let got = run_in(&["files", "get", "bob/big", "--into", &home.text("into")], "", &variables);
    assert!(&got == 7, "{got:?}");
    assert!(got.stderr.contains("hint:"), "{got:?}");
    assert_eq!(home.everything(), Vec::<String>::new());
}

#[test]
fn what_a_session_stores_outlives_the_command() {
    let gateway = Gateway::start();
    let bob = gateway.peer("bob");
    let sessions = Sessions::at(&gateway.url);
    let begun = sessions.hold(&["bot"]);
    let home = Home::new();
    let x = home.keep("x", "stays");
    let put = sessions.on_bot(&["files", "put", &x]).succeeded();
    assert_eq!(put.stderr, "");
    assert!(put.stdout.starts_with("stored bot/x"), "{put:?}");
    let read = || bob.wait(async { bob.client.files().get("bot", "x").bytes(9).await });
    assert_eq!(read().unwrap(), "stays");
    store(&bob, "y", "bob's");
    sessions.on_bot(&["files", "get", "bob/y", "-O", &home.text("y")]).succeeded();
    assert_eq!(home.read("y"), b"bob's");
    assert_eq!(sessions.on_bot(&["files", "ls", "-o", "raw"]).succeeded().stdout, "x\n");
    let missing = sessions.on_bot(&["files", "rm", "z"]);
    assert_eq!(missing.code, Some(6), "{missing:?}");
    sessions.on_bot(&["files", "rm", "x"]).succeeded();
    assert!(matches!(read(), Err(FileError::NotFound { .. })));
    let script = home.keep("script", format!("files put {x} --as from_script\nfiles ls"));
    sessions.on_bot(&["run", &script]).succeeded();
    assert_eq!(sessions.on_bot(&["files", "ls", "-o", "raw"]).succeeded().stdout, "from_script\n");
    // The key is where nobody reads it by accident.
    let process = PathBuf::from(format!("/proc/{}", pid(&begun)));
    let shown = sessions.run(&["hold", "--status", "bot", "--json"]).succeeded().stdout;
    for text in [
        fs::read_to_string(sessions.log("bot")).unwrap(),
        fs::read_to_string(process.join("cmdline")).unwrap(),
        fs::read_to_string(process.join("environ")).unwrap(),
        shown,
    ] {
        assert_eq!(ids(&text).into_iter().filter(|id| begun["uuid"] != **id).count(), 0, "{text}");
    }
}

/// Everything in a text that looks like an id or a key.
fn ids(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_ascii_hexdigit() && character != '-');
    words.filter(|word| word.len() == 36).map(str::to_owned).collect()
}

#[test]
fn a_session_without_a_connection_stores_nothing() {
    let mut gateway = Gateway::start();
    let sessions = Sessions::at(&gateway.url);
    sessions.hold(&["bot"]);
    let home = Home::new();
    let x = home.keep("x", "");
    let mut events = sessions.stream(&["--session", "bot", "events"]);
    events.begins_to_hear(|| drop(sessions.on_bot(&["send", "@bot", "hi"]).succeeded()));
    gateway.stop();
    events.see_told("disconnected");
    let away = sessions.on_bot(&["files", "put", &x]);
    assert_eq!(away.code, Some(3), "{away:?}");
    assert!(away.stderr.contains("the session bot has no connection to"), "{away:?}");
    gateway.start_again();
    events.see_told("resumed");
    sessions.on_bot(&["files", "put", &x]).succeeded();
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
