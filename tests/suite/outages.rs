//! The disk under the store of a whole gateway: full, failing, and at its start not what it should be. What the store does by itself is
//! in [durability](crate::durability).

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use concierge_client::telegraphy::Epoch;
use concierge_client::telegraphy::web::{Problem, Published};
use rustix::process::Signal;
use serde_json::json;
use support::application::Application;
use support::gateway::{GatewayProcess, server_command_by};
use support::process::Program;
use tempfile::TempDir;

use crate::files::disk::may_mount;
use crate::files::until;
use crate::metrics;
use crate::published::{self, EVENT};
use crate::start;

/// How many events are published at most until the disk does what it is told to.
const ENOUGH: u64 = 400;

/// A place for a store, and the setting for it.
fn place() -> (TempDir, PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let setting = format!("telegraphy.store={}", path.display());
    (folder, path, setting)
}

/// A gateway that strace looks after: the process is the gateway's own.
fn traced(arguments: &[&str], trace: &Path, settings: &[&str]) -> (GatewayProcess, Application) {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-q"]).args(arguments).arg("-o").arg(trace);
    let settings: Vec<_> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    Application::start_by(strace, &settings).expect("strace is installed")
}

/// Registers the event that is published.
fn define(application: &Application) {
    let definition = json!({"name": EVENT, "delivery": "guaranteed", "audience": "public"});
    let definitions = json!({"source": "shop", "events": [definition]});
    application.does("PUT", "/events", &definitions.to_string()).unwrap();
}

/// What became of an event: where it is, or the status and why it was refused.
fn publish(application: &Application, number: u64) -> Result<(Epoch, u64), (u16, String)> {
    let order = json!({"event": EVENT, "data": number}).to_string();
    let answer = application.ask("POST", "/publish", &order).unwrap();
    if answer.status == 200 {
        let published: Published = serde_json::from_slice(&answer.body).unwrap();
        return Ok((published.epoch, published.offset));
    }
    let problem: Problem = serde_json::from_slice(&answer.body).unwrap();
    Err((answer.status, problem.message))
}

#[test]
#[ignore = "needs strace, which tests/run installs"]
fn a_sync_comes_before_each_answer() {
    let (folder, _, store) = place();
    let trace = folder.path().join("trace");
    let calls = ["-s", "64", "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg"];
    let (mut gateway, application) = traced(&calls, &trace, &[&store]);
    define(&application);
    for number in 0..100 {
        publish(&application, number).unwrap();
    }
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
    let seen = || fs::read_to_string(&trace).unwrap();
    until("strace has written everything", || seen().trim_end().ends_with("+++ exited with 0 +++"));
    let (mut syncs, mut answers) = (0, 0);
    for line in seen().lines() {
        if line.contains("sync") && line.ends_with("= 0") {
            syncs += 1;
        } else if line.contains("\"HTTP/1.1 200 ") {
            assert!(syncs > 0, "answered without a sync: {line}");
            syncs = 0;
            answers += 1;
        }
    }
    assert_eq!(answers, 101);
}

#[tokio::test]
#[ignore = "needs strace, which tests/run installs"]
async fn a_gateway_whose_sync_fails_publishes_nothing_any_more_and_says_so() {
    let (folder, _, store) = place();
    let failing = ["-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=30+"];
    let settings = [&*store, "metrics.bind=127.0.0.1:0"];
    let (gateway, application) = traced(&failing, &folder.path().join("trace"), &settings);
    let operations = application.metrics.unwrap();
    let told = |path| {
        let answer = metrics::ask(operations, "GET", path, &operations.to_string());
        (answer.status, answer.text())
    };
    assert_eq!(told("/readyz"), (200, "ready\n".to_owned()));
    define(&application);
    let (mut answered, mut refused, mut epoch) = (BTreeSet::new(), Vec::new(), None);
    for number in 0..ENOUGH {
        match publish(&application, number) {
            Ok((of, offset)) => {
                assert!(refused.is_empty(), "answered after a sync has failed");
                epoch = Some(of);
                answered.insert((number, offset));
            }
            Err(refusal) => refused.push(refusal),
        }
    }
    assert!(!answered.is_empty() && !refused.is_empty(), "{} answered", answered.len());
    for refusal in refused {
        assert_eq!(
            refusal,
            (503, "it could not be stored: the store is read-only".to_owned()),
            "UNAVAILABLE"
        );
    }
    // It is alive, and of no use to who publishes: that is told, and what is durable is still read.
    let why = "the store is read-only: disk I/O error; nothing is stored until the next start\n".to_owned();
    assert_eq!(told("/readyz"), (503, why));
    assert_eq!(told("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(metrics::count(&told("/metrics").1, "concierge_telegraphy_store_failed"), 1);
    let epoch = epoch.unwrap();
    let (read, _) = published::read(&gateway, &epoch).await;
    assert!(answered.is_subset(&read), "{answered:?} {read:?}");
    gateway.program.signal(Signal::KILL).unwrap();
    drop(gateway);
    let (gateway, _application) = Application::start(&["--set", &store]).unwrap();
    let (read, _) = published::read(&gateway, &epoch).await;
    assert!(answered.is_subset(&read), "{answered:?} {read:?}");
}

#[tokio::test]
#[ignore = "needs strace, which tests/run installs"]
async fn a_gateway_whose_disk_is_full_says_so_and_takes_on_when_there_is_room() {
    let (folder, _, store) = place();
    let full = ["-e", "trace=pwrite64", "-e", "inject=pwrite64:error=ENOSPC:when=300..340"];
    let (gateway, application) = traced(&full, &folder.path().join("trace"), &[&store]);
    define(&application);
    let (mut answered, mut refused, mut epoch) = (BTreeSet::new(), BTreeSet::new(), None);
    let mut after = 0;
    for number in 0..ENOUGH {
        match publish(&application, number) {
            Ok((of, offset)) => {
                epoch = Some(of);
                answered.insert((number, offset));
                after += u64::from(!refused.is_empty());
            }
            Err((status, message)) => {
                assert_eq!((status, after), (507, 0), "STORE_FULL, until there is room");
                assert_eq!(message, "it could not be stored: the disk is full");
                refused.insert(number);
            }
        }
    }
    assert!(!refused.is_empty() && after > 100, "{} refused, {after} after them", refused.len());
    gateway.program.signal(Signal::KILL).unwrap();
    drop(gateway);
    let (gateway, _application) = Application::start(&["--set", &store]).unwrap();
    let (read, _) = published::read(&gateway, &epoch.unwrap()).await;
    assert_eq!(read, answered, "what was refused was never there, and may be published again");
}

#[test]
fn a_store_that_cannot_be_used_is_told_and_left_as_it_is() {
    let (_folder, path, store) = place();
    let refused = |what: &str| {
        let before = fs::read(&path).unwrap();
        let (code, said) = start::refused(&["--bind", "127.0.0.1:0", "--set", &store]);
        assert_eq!(code, Some(10), "{said}");
        assert!(said.starts_with("error: ") && said.contains(what), "{what}: {said}");
        assert!(said.contains(path.to_str().unwrap()), "{said}");
        assert!(fs::read(&path).unwrap() == before, "{said}");
    };
    fs::write(&path, "orders:\n  - one\n".repeat(1000)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    refused("is no store of a gateway");
    fs::remove_file(&path).unwrap();

    let (mut gateway, application) = Application::start(&["--set", &store]).unwrap();
    define(&application);
    let orders = vec![json!({"event": EVENT, "data": "x".repeat(1000)}); 100];
    application.does("POST", "/publish/batch", &json!(orders).to_string()).unwrap();
    refused("another gateway uses the store");
    gateway.program.signal(Signal::TERM).unwrap();
    gateway.program.wait_for_success().unwrap();
    let wal = fs::metadata(path.with_extension("db-wal")).map_or(0, |wal| wal.len());
    assert_eq!(wal, 0, "the file alone is everything");
    let whole = fs::read(&path).unwrap();

    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    refused("every user of this machine can read or write the store");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    // The version of the schema, as it stands in the head of a file of SQLite's.
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0, 0, 0, 9], 60).unwrap();
    refused("is of a newer gateway: its schema is version 9");
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    refused("is damaged");
    fs::write(&path, &whole).unwrap();
    locked(&path, || refused("database is locked"));
    let (_gateway, application) = Application::start(&["--set", &store]).unwrap();
    assert_eq!(publish(&application, 1).unwrap().1, 101);
}

/// What the guide has its readers type for a copy of a store that is in use.
fn copying(store: &Path, copy: &Path) -> String {
    let guide = include_str!("../../concierge-server/OPERATING.md");
    let block = guide.split("```sh\n").find(|block| block.contains("VACUUM INTO")).unwrap();
    let script = block.split("```").next().unwrap();
    let script = script.replace("/var/lib/concierge-server/store.db", store.to_str().unwrap());
    script.replace("/var/backups/concierge-store.db", copy.to_str().unwrap())
}

#[test]
fn a_copy_of_a_store_that_is_in_use_is_a_store() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        println!("SKIPPED (there is no sqlite3 to make a copy with)");
        return;
    }
    let (folder, path, store) = place();
    let copy = folder.path().join("copy.db");
    let (_gateway, application) = Application::start(&["--set", &store]).unwrap();
    define(&application);
    for number in 0..50 {
        publish(&application, number).unwrap();
    }
    let mut shell = Command::new("sh");
    shell.args(["-ec", &copying(&path, &copy)]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let copying = shell.spawn().unwrap();
    for number in 50..100 {
        publish(&application, number).unwrap();
    }
    let output = copying.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let copy = format!("telegraphy.store={}", copy.display());
    let (_other, application) = Application::start(&["--set", &copy]).unwrap();
    let (_, offset) = publish(&application, 100).unwrap();
    assert!((51..=101).contains(&offset), "{offset}");
}

/// Does something while another program has a database to itself.
fn locked(path: &Path, act: impl FnOnce()) {
    let script = "import sqlite3, sys\n\
                  other = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  other.execute('PRAGMA locking_mode=EXCLUSIVE')\n\
                  other.execute('BEGIN EXCLUSIVE')\n\
                  print('locked', flush=True)\n\
                  sys.stdin.read()";
    let mut python = Command::new("python3");
    let Ok(mut other) = Program::start("python3", python.args(["-c", script]).arg(path)) else {
        println!("SKIPPED (there is no python3 to lock the store)");
        return;
    };
    other.wait_for_line("locked").unwrap();
    act();
    other.wait_for_success().unwrap();
}

#[test]
fn a_store_on_a_disk_that_takes_nothing_is_told() {
    if !may_mount() {
        println!("SKIPPED (unshare and mount are not allowed here: there is no disk that takes nothing)");
        return;
    }
    let (folder, _, store) = place();
    let disk = folder.path().display();
    let mut shell = Command::new("unshare");
    let script = format!("mount -t tmpfs -o ro tmpfs {disk} && exec \"$0\" \"$@\"");
    shell.args(["--map-root-user", "--mount", "sh", "-c", &script]).stdin(Stdio::null());
    let mut command = server_command_by(shell).unwrap();
    command.args(["--bind", "127.0.0.1:0", "--set", &store]);
    let mut gateway = Program::start("concierge-server", &mut command).unwrap();
    assert_eq!(gateway.wait().unwrap().code(), Some(10), "{}", gateway.account());
    let said = gateway.stderr();
    assert!(
        said.starts_with("error: cannot use the store ") && said.contains("Read-only file system"),
        "{said}"
    );
}
