//! Uploads that break off, that replace what others read, that come at the same time: nobody ever sees half a file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use support::gateway::{GatewayProcess, server_command};
use support::raw::{Handshake, RawSocket};

use super::{Member, form, gateway, gateway_process, until};

/// How large the files here are, in bytes: several pieces of a body and of a disk.
const SIZE: usize = 700_000;

/// A content that tells by any of its bytes which one it is.
fn content(letter: u8) -> Vec<u8> {
    vec![letter; SIZE]
}

/// The files that a gateway has on its disk.
fn on_disk(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "lock").count()
}

/// Sends the beginning of an upload and hangs up.
fn break_off(member: &Member, headers: &[&str], body: &[u8], announced: usize, after: usize) {
    let mut socket = RawSocket::open(member.address).unwrap();
    let target = format!("/fs/{}/file", member.name);
    let mut request = Handshake::request("POST", &target, &member.address.to_string())
        .with(&format!("x-fs-key: {}", member.key))
        .with(&format!("Content-Length: {announced}"));
    for header in headers {
        request = request.with(header);
    }
    socket.send_bytes(request.text().as_bytes()).unwrap();
    socket.send_bytes(&body[..after]).unwrap();
}

#[test]
fn an_upload_that_breaks_off_leaves_the_old_file_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let gateway = gateway_process(&folder, &[]).unwrap();
    let alice = Member::join(gateway.address(), "alice");
    let old = content(b'o');
    assert_eq!(alice.put("file", &old), 201);
    let (kind, multipart) = form(&[(Some("file"), &content(b'n'))]);
    let raw = content(b'n');
    for step in 0..20 {
        let after = |length: usize| length / 20 * step;
        break_off(&alice, &[], &raw, raw.len(), after(raw.len()));
        break_off(&alice, &[&kind], &multipart, multipart.len(), after(multipart.len()));
        let answer = alice.get("file");
        assert!(answer.status == 200 && answer.body == old, "after {step} twentieths");
    }
    // What was begun is given up as soon as the gateway sees the end of the connection.
    until("uploads are given up", || on_disk(&folder) == 1);
    assert_eq!(alice.paths(), ["file"]);
}

#[test]
fn who_reads_sees_the_old_file_or_the_new_one_and_never_a_mixture() {
    let gateway = gateway("files.client_uploads = \"unlimited\"");
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", &content(b'a')), 201);
    let done = AtomicBool::new(false);
    let read = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut read = 0;
                    while !done.load(Ordering::Relaxed) {
                        let answer = alice.get("file");
                        assert_eq!(answer.body.len(), SIZE);
                        assert!(answer.body.iter().all(|byte| *byte == answer.body[0]), "a mixture");
                        read += 1;
                    }
                    read
                })
            })
            .collect();
        for letter in b'b'..=b'z' {
            assert_eq!(alice.put("file", &content(letter)), 204);
        }
        done.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>()
    });
    assert!(read > 3, "{read}");
    assert_eq!(alice.get("file").body[0], b'z');
}

#[test]
fn what_is_deleted_and_still_read_counts_until_nobody_reads_it() {
    // More than any buffers on the way to who reads none of it.
    const SIZE: usize = 32 << 20;
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let gateway = gateway_process(&folder, &["files.client_bytes=40MiB"]).unwrap();
    let alice = Member::join(gateway.address(), "alice");
    let content = vec![b'x'; SIZE];
    assert_eq!(alice.put("file", &content), 201);
    let mut reader = RawSocket::open(gateway.address()).unwrap();
    let request = Handshake::request("GET", "/fs/alice/file", &gateway.address().to_string())
        .with(&format!("x-fs-key: {}", alice.key));
    reader.send_bytes(request.text().as_bytes()).unwrap();
    assert_eq!(reader.read_head().unwrap().status, 200);
    assert_eq!(alice.ask("DELETE", "file", &[], b"").status, 200);
    assert_eq!((alice.get("file").status, alice.put("file", &content), on_disk(&folder)), (404, 507, 1));
    drop(reader);
    until("what is not read any more is given back", || alice.put("file", &content) == 201);
    until("it is gone from the disk", || on_disk(&folder) == 1);
}

#[test]
fn a_gateway_that_was_killed_begins_with_an_empty_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let gateway = gateway_process(&folder, &[]).unwrap();
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", &content(b'o')), 201);
    let raw = content(b'n');
    break_off(&alice, &[], &raw, raw.len() + 1, raw.len());
    // Dropped, it is killed by a signal that no program can handle.
    drop(gateway);
    assert!(on_disk(&folder) >= 1);
    let gateway = gateway_process(&folder, &[]).unwrap();
    assert_eq!(on_disk(&folder), 0);
    let alice = Member::join(gateway.address(), "alice");
    assert!(alice.paths().is_empty());
}

#[test]
fn the_temporary_folder_of_a_gateway_that_was_killed_goes_when_the_next_one_starts() {
    let place = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = server_command().unwrap();
        command.env("TMPDIR", place.path());
        GatewayProcess::start_by(command).unwrap()
    };
    let folders = || {
        let entries = std::fs::read_dir(place.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect::<BTreeSet<_>>()
    };
    let killed = start();
    let alice = Member::join(killed.address(), "alice");
    assert_eq!(alice.put("file", b"content"), 201);
    let left = folders();
    assert_eq!((left.len(), on_disk(left.first().unwrap())), (1, 1));
    drop(killed);
    assert_eq!(folders(), left, "it could do nothing any more");
    let (_next, _another) = (start(), start());
    assert!(folders().len() == 2 && folders().is_disjoint(&left));
}

#[test]
fn two_gateways_do_not_share_a_folder() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let _first = gateway_process(&folder, &[]).unwrap();
    assert!(gateway_process(&folder, &[]).is_err());
}

#[test]
fn a_client_that_leaves_takes_its_files_off_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let gateway = gateway_process(&folder, &[]).unwrap();
    let alice = Member::join(gateway.address(), "alice");
    for number in 0..20 {
        assert_eq!(alice.put(&format!("a/{number}"), b"x"), 201);
    }
    assert_eq!(on_disk(&folder), 20);
    drop(alice);
    until("the files are gone", || on_disk(&folder) == 0);
}
