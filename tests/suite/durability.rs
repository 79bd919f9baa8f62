//! What a store has acknowledged is there: after it is killed, after a sync has failed, after the disk was full.
//!
//! The program that writes is this one, started once more with a place to write to.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};

use concierge_client::telegraphy::{Epoch, EventName, Position, Timestamp};
use concierge_server::events::record::{Change, EventRecord, SessionId, SubscriptionId, SubscriptionRecord};
use concierge_server::store::{Query, Store, StoreError};
use support::process::Program;
use tempfile::TempDir;
use uuid::Uuid;

use crate::files::disk::may_mount;

/// The test that is also the program that writes.
const WRITER: &str = "durability::whatever_was_acknowledged_is_there_after_kill_9";

/// Where it writes to.
const PLACE: &str = "DURABILITY_PLACE";

/// How many changes it has under way, how many it makes before it ends by itself, and how large they are.
const LOAD: &str = "DURABILITY_LOAD";

/// What is removed from the disk when it is full.
const BALLAST: &str = "ballast";

const KILLS: u64 = 20;

const EPOCH: &str = "e1";

/// Every so many events a subscription comes along, which is durable with it or not at all.
const ALONG: u64 = 8;

#[derive(Clone, Copy)]
struct Load {
    under_way: usize,
    kept: u64,
    bytes: usize,
}

/// More than any kill lets it do.
const HEAVY: Load = Load { under_way: 64, kept: u64::MAX, bytes: 100 };

/// One change after the other.
const CALM: Load = Load { under_way: 1, kept: 100, bytes: 100 };

#[test]
#[ignore = "kills a process twenty times: tests/run runs it"]
fn whatever_was_acknowledged_is_there_after_kill_9() {
    if let Some(place) = env::var_os(PLACE) {
        return write(Path::new(&place));
    }
    let (_folder, path) = place();
    let (mut kept, mut lives) = (BTreeSet::new(), 0);
    for kill in 0..KILLS {
        let mut writer = start(writer(&path, HEAVY));
        // Another moment each time: while it opens the store, in its first sync, in the middle of many.
        for _ in 0..kill * kill {
            kept.extend(acknowledged(&writer.wait_for_line("kept ").unwrap()));
        }
        writer.signal(rustix::process::Signal::KILL).unwrap();
        let last = rest(&mut writer);
        kept.extend(last.iter().filter_map(|line| acknowledged(line)));
        lives += u64::from(!kept.is_empty());
        check(&Store::open(&path, u64::MAX).unwrap(), &kept);
    }
    assert!(lives > KILLS / 2 && kept.len() as u64 > KILLS, "{} in {lives} lives", kept.len());
    println!("{} events acknowledged by a store that was killed {KILLS} times: all are there", kept.len());
}

#[test]
#[ignore = "needs strace, which tests/run installs"]
fn a_sync_comes_before_each_acknowledgement() {
    let (folder, path) = place();
    let trace = folder.path().join("trace");
    let mut writer = start(traced(&path, CALM, &["-e", "trace=fsync,fdatasync,write"], &trace));
    let kept: Vec<_> = rest(&mut writer).iter().filter_map(|line| acknowledged(line)).collect();
    assert_eq!(kept.len(), 100);
    let (mut syncs, mut acknowledgements) = (0, 0);
    for line in fs::read_to_string(&trace).unwrap().lines() {
        if line.contains("sync") && line.ends_with("= 0") {
            syncs += 1;
        } else if line.contains("\"kept ") {
            assert!(syncs > 0, "acknowledged without a sync: {line}");
            syncs = 0;
            acknowledgements += 1;
        }
    }
    assert_eq!(acknowledgements, 100);
}

#[test]
#[ignore = "needs strace, which tests/run installs"]
fn a_store_whose_sync_fails_acknowledges_nothing_any_more() {
    let (folder, path) = place();
    let failing = "inject=fsync,fdatasync:error=EIO:when=30+";
    let mut writer = start(traced(
        &path,
        HEAVY,
        &["-e", "trace=fsync,fdatasync", "-e", failing],
        &folder.path().join("trace"),
    ));
    let lines = rest(&mut writer);
    let kept: BTreeSet<_> = lines.iter().filter_map(|line| acknowledged(line)).collect();
    let first = lines.iter().position(|line| line.starts_with("refused ")).expect("syncs fail");
    let refused = &lines[first..];
    assert!(!refused.iter().any(|line| line.starts_with("kept ")), "{refused:?}");
    assert!(refused[0].contains("the store is read-only: disk I/O error"), "{refused:?}");
    // Those of the sync that failed, and those that waited behind them.
    assert!(refused.iter().filter(|line| line.starts_with("refused ")).count() >= 2, "{refused:?}");
    assert!(!kept.is_empty());
    check(&Store::open(&path, u64::MAX).unwrap(), &kept);
}

#[test]
#[ignore = "needs a file system of its own"]
fn a_disk_that_was_full_takes_on_and_has_all_that_was_acknowledged() {
    if !may_mount() {
        println!("SKIPPED (unshare and mount are not allowed here: there is no small disk to fill)");
        return;
    }
    let (folder, path) = place();
    let disk = folder.path().display();
    let mount = format!(
        "mount -t tmpfs -o size=4m tmpfs {disk} && head -c 1m /dev/zero > {disk}/{BALLAST} && exec \"$0\" \"$@\""
    );
    let inner = writer(&path, Load { under_way: 4, kept: 2000, bytes: 2000 });
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &mount]);
    let mut writer = start(passed_on(&inner, command));
    let lines = rest(&mut writer);
    let refused = lines.iter().position(|line| line.ends_with(": the disk is full"));
    let room = lines.iter().position(|line| line == "there is room").expect("the disk is full once");
    assert!(refused.is_some_and(|refused| refused < room), "{lines:?}");
    let later = lines[room..].iter().filter(|line| line.starts_with("kept ")).count();
    assert!(later > 10, "{later} after there was room");
    assert_eq!(lines.last().map(String::as_str), Some("all is there"));
}

/// Where a store can be.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

/// This program once more, to write there.
fn writer(place: &Path, load: Load) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", WRITER, "--ignored", "--nocapture", "--test-threads", "2"]);
    command.env(PLACE, place);
    command.env(LOAD, format!("{} {} {}", load.under_way, load.kept, load.bytes));
    command
}

/// The same under strace.
fn traced(place: &Path, load: Load, arguments: &[&str], trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(arguments).arg("-o").arg(trace);
    passed_on(&writer(place, load), strace)
}

/// A command that another one starts.
fn passed_on(inner: &Command, mut outer: Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

fn start(mut command: Command) -> Program {
    Program::start("the writer", &mut command).unwrap()
}

/// What it wrote until it ended.
fn rest(writer: &mut Program) -> Vec<String> {
    let lines = std::iter::from_fn(|| writer.next_line().ok()).filter(|line| !line.is_empty());
    lines.take_while(|line| !line.starts_with("test ")).collect()
}

fn acknowledged(line: &str) -> Option<u64> {
    line.strip_prefix("kept ")?.parse().ok()
}

/// The writer: appends one event after the other, says of each what became of it, and looks at the end whether they are there.
fn write(path: &Path) {
    let load = env::var(LOAD).unwrap();
    let [under_way, kept, bytes] =
        load.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<u64>>()[..]
    else {
        panic!("{load}")
    };
    let load =
        Load { under_way: usize::try_from(under_way).unwrap(), kept, bytes: usize::try_from(bytes).unwrap() };
    say("");
    let store = Store::open(path, u64::MAX).unwrap();
    let last = store.records(Timestamp::MAX).unwrap().logs.first().map_or(0, |log| log.last);
    let kept = append(&store, last, load, path);
    drop(store);
    check(&Store::open(path, u64::MAX).unwrap(), &kept);
    say("all is there");
}

/// A line, at once. The test harness captures what is printed in any other way.
fn say(line: &str) {
    let mut stdout = stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).unwrap();
}

fn append(store: &Store, last: u64, load: Load, path: &Path) -> BTreeSet<u64> {
    let (begin, ended) = sync_channel(load.under_way);
    let ended = Arc::new(Mutex::new(ended));
    let kept = Arc::new(Mutex::new(BTreeSet::new()));
    let is_over = Arc::new(AtomicBool::default());
    for offset in (last + 1..).take(usize::try_from(load.kept).unwrap()) {
        begin.send(()).unwrap();
        if is_over.load(Relaxed) {
            break;
        }
        let (ended, kept, ballast) = (Arc::clone(&ended), Arc::clone(&kept), path.with_file_name(BALLAST));
        let over = Arc::clone(&is_over);
        store.submit(changes(offset, load.bytes), move |result| {
            let ended: &Receiver<()> = &ended.lock().unwrap();
            ended.recv().unwrap();
            match result {
                Ok(()) => {
                    kept.lock().unwrap().insert(offset);
                    say(&format!("kept {offset}"));
                }
                Err(error) => {
                    say(&format!("refused {offset}: {error}"));
                    over.fetch_or(matches!(error, StoreError::ReadOnly(_)), Relaxed);
                    if error == StoreError::Full && fs::remove_file(ballast).is_ok() {
                        say("there is room");
                    }
                }
            }
        });
    }
    // Whoever waits behind all others hears when those have.
    let (sender, receiver) = sync_channel(1);
    store.submit(Vec::new(), move |_| sender.send(()).unwrap());
    receiver.recv().unwrap();
    let kept = kept.lock().unwrap();
    kept.clone()
}

fn changes(offset: u64, bytes: usize) -> Vec<Change> {
    let mut changes = vec![Change::Append(event(offset, bytes))];
    if offset.is_multiple_of(ALONG) {
        changes.push(Change::KeepSubscription(SubscriptionRecord {
            session: SessionId(Uuid::nil()),
            id: SubscriptionId(u32::try_from(offset).unwrap()),
            event: name(),
            filters: "{}".into(),
            lazy: false,
            since: Position::new(EPOCH, offset),
        }));
    }
    changes
}

fn name() -> EventName {
    "app.Order".parse().unwrap()
}

fn event(offset: u64, bytes: usize) -> EventRecord {
    EventRecord {
        event: name(),
        epoch: Epoch::new(EPOCH),
        offset,
        id: Arc::from(offset.to_string()),
        is_publishers: offset.is_multiple_of(2),
        published: Timestamp::from_micros(offset),
        expires: Timestamp::MAX,
        meta: Arc::from("{}"),
        data: Arc::from(format!("{offset:0bytes$}")),
        previous: None,
    }
}

/// Whether everything that was acknowledged is there, in order, none twice, and no list in parts.
fn check(store: &Store, kept: &BTreeSet<u64>) {
    let mut query = Query {
        event: name(),
        epoch: Epoch::new(EPOCH),
        after: 0,
        most: 1000,
        most_bytes: usize::MAX,
        now: Timestamp::default(),
    };
    let mut found = BTreeSet::new();
    loop {
        let page = store.page(&query).unwrap();
        if page.events.is_empty() {
            break;
        }
        for there in page.events {
            assert!(found.last().is_none_or(|last| *last < there.offset), "{} is out of order", there.offset);
            found.insert(there.offset);
            assert_eq!(there, event(there.offset, there.data.len()));
        }
        query.after = page.until;
    }
    let lost: Vec<_> = kept.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let records = store.records(Timestamp::default()).unwrap();
    let along: BTreeSet<u64> = records.subscriptions.iter().map(|record| u64::from(record.id.0)).collect();
    let expected: BTreeSet<u64> = found.into_iter().filter(|offset| offset.is_multiple_of(ALONG)).collect();
    assert_eq!(along, expected, "each came with its event");
}
