//! The disk under the file store: full, of bytes and of files, and who waits for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use support::gateway::GatewayProcess;
use support::process::program;

use super::{Member, gateway_process, until};

/// Whether this machine lets a test have a file system of its own.
pub(crate) fn may_mount() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]);
    probe.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A gateway whose files are on a small disk of its own, which nobody else sees and which goes with it.
fn on_small_disk(folder: &Path, options: &str) -> Option<GatewayProcess> {
    if !may_mount() {
        println!("SKIPPED (unshare and mount are not allowed here: there is no small disk to fill)");
        return None;
    }
    std::fs::create_dir(folder).unwrap();
    let server = program("concierge-server").unwrap();
    let script =
        format!("mount -t tmpfs -o {options} tmpfs {} && exec {} \"$@\"", folder.display(), server.display());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    let files = folder.join("files");
    for setting in ["files.reserve=0", "heartbeat.timeout=2h", "heartbeat.interval=1h"] {
        command.args(["--set", setting]);
    }
    command.args(["--files-dir", files.to_str().unwrap()]);
    Some(GatewayProcess::start_by(command).unwrap())
}

fn error(body: &[u8]) -> String {
    let error: serde_json::Value = serde_json::from_slice(body).unwrap();
    error["error"].as_str().unwrap().to_owned()
}

/// Fills the disk with files of this size, and sees that it is no worse than a refusal.
fn fill(gateway: &GatewayProcess, size: usize) {
    let alice = Member::join(gateway.address(), "alice");
    let content = vec![b'x'; size];
    let mut stored = 0;
    let refused = loop {
        let answer = alice.ask("PUT", &format!("{stored}"), &[], &content);
        if answer.status != 201 {
            break answer;
        }
        stored += 1;
        assert!(stored < 1000, "the disk is never full");
    };
    assert_eq!((refused.status, error(&refused.body).as_str()), (507, "disk_full"));
    assert!(stored > 1, "{stored}");
    // Nothing else is worse for it: what is there is read, others come and go.
    assert_eq!(alice.paths().len(), stored);
    assert!(alice.get("0").body == content);
    let bob = Member::join(gateway.address(), "bob");
    assert_eq!(bob.ask("PUT", "file", &[], &content).status, 507);
    assert!(bob.paths().is_empty());
    // And it recovers by itself as soon as there is room.
    assert_eq!(alice.ask("DELETE", "0", &[], b"").status, 200);
    until("there is room again", || bob.ask("PUT", "file", &[], &content).status == 201);
    drop(alice);
    until("a folder goes", || bob.ask("PUT", "another", &[], &content).status < 300);
}

#[test]
#[ignore = "needs a file system of its own, which tests/run lets it have as root"]
fn a_disk_full_of_bytes_is_a_refusal_and_passes() {
    let place = tempfile::tempdir().unwrap();
    if let Some(gateway) = on_small_disk(&place.path().join("small"), "size=2m") {
        fill(&gateway, 300_000);
    }
}

#[test]
#[ignore = "needs a file system of its own, which tests/run lets it have as root"]
fn a_disk_full_of_files_is_a_refusal_and_passes() {
    let place = tempfile::tempdir().unwrap();
    if let Some(gateway) = on_small_disk(&place.path().join("small"), "size=2m,nr_inodes=16") {
        fill(&gateway, 10);
    }
}

/// The program itself, watched by strace: what waits for the disk is no thread that a connection is served on.
#[test]
#[ignore = "needs strace, which tests/run installs"]
fn who_serves_connections_never_waits_for_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let (folder, trace) = (place.path().join("files"), place.path().join("trace"));
    let gateway = gateway_process(&folder, &[]).unwrap();
    let mut strace = Command::new("strace")
        .args(["-f", "-qq", "-y", "-e"])
        .arg("trace=openat,openat2,unlinkat,unlink,fstatfs,statfs,read,pread64,write,pwrite64,writev,fsync,lseek,recvfrom,sendto,sendmsg")
        .args(["-o", trace.to_str().unwrap(), "-p", &gateway.program.id().to_string()])
        .spawn()
        .expect("strace is installed");
    let seen = || std::fs::read_to_string(&trace).unwrap_or_default();
    let alice = Member::join(gateway.address(), "alice");
    until("strace sees what is opened", || {
        assert_eq!(alice.ask("PUT", "probe", &[], b"x").status / 100, 2);
        seen().contains("openat2")
    });
    let content = vec![b'x'; 1_000_000];
    for number in 0..10 {
        let path = number.to_string();
        assert_eq!((alice.put(&path, &content), alice.put(&path, b"less")), (201, 204));
        assert_eq!(alice.put(&path, &content), 204);
        assert!(alice.get(&path).body == content);
        assert_eq!(alice.ask("DELETE", &path, &[], b"").status, 200);
    }
    drop(alice);
    let lock_alone = || std::fs::read_dir(&folder).unwrap().count() == 1;
    until("the files are gone", lock_alone);
    rustix::process::kill_process(rustix::process::Pid::from_child(&strace), rustix::process::Signal::INT)
        .unwrap();
    strace.wait().unwrap();
    let (mut disk, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    let trace = seen();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        if call.contains(folder.to_str().unwrap()) {
            disk.insert(thread);
        } else if call.contains("<TCP:[") || call.contains("<socket:[") {
            sockets.insert(thread);
        }
    }
    assert!(!disk.is_empty() && !sockets.is_empty(), "{disk:?} {sockets:?}");
    assert!(disk.is_disjoint(&sockets), "on the disk: {disk:?}, at sockets: {sockets:?}");
}
