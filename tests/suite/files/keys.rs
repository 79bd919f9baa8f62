//! Whose key opens what: the table in `tests/golden/files/keys.txt`, row by row.

use support::gateway::Gateway;

use super::{Member, ask, gateway, until};

const TABLE: &str = include_str!("../../golden/files/keys.txt");

#[test]
fn the_table_of_keys_holds() {
    let mut rows = 0;
    for (rule, configuration) in [
        ("", ""),
        ("deny", "files.legacy_key = \"deny\""),
        ("open", "files.legacy_key = \"open\""),
        ("secret", "files.public_read_key = false"),
    ] {
        // The table knows many wrong keys.
        let gateway = gateway(&format!("{configuration}\nlimits.wrong_secrets = \"unlimited\""));
        let scene = Scene::new(&gateway);
        for row in TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).skip(1) {
            let mut words: Vec<_> = row.split_whitespace().collect();
            let row_rule = if words.len() == 8 { words.remove(0) } else { "" };
            if row_rule == rule {
                scene.check(row, &words);
                rows += 1;
            }
        }
    }
    assert_eq!(rows, 21);
}

/// Three clients with a file each, and the key of a fourth that has left.
struct Scene {
    old: Member,
    new: Member,
    third: Member,
    expired: String,
}

impl Scene {
    fn new(gateway: &Gateway) -> Self {
        let address = gateway.address();
        let gone = Member::join(address, "gone");
        let expired = gone.key.clone();
        assert_eq!(gone.put("file", b"x"), 201);
        drop(gone);
        let scene = Self {
            old: Member::of_old(address, "old"),
            new: Member::join(address, "new"),
            third: Member::join(address, "third"),
            expired,
        };
        // Leaving takes as long as the gateway needs to hear of it.
        let key = format!("x-fs-key: {}", scene.expired);
        until("a key ends", || ask(address, "GET", "/fs/gone/", &[&key], b"").status == 401);
        scene
    }

    fn check(&self, row: &str, words: &[&str]) {
        let [key, folder, expected @ ..] = words else { panic!("{row}") };
        let expected: Vec<u16> = expected.iter().map(|status| status.parse().unwrap()).collect();
        let requests = [
            ("GET", "file", &b""[..]),
            ("GET", "", b""),
            ("PUT", "file", b"new"),
            ("POST", "file", b"new"),
            ("DELETE", "file", b""),
        ];
        for ((method, path, body), expected) in requests.into_iter().zip(expected) {
            self.restore();
            let key = self.key(key).map(|key| format!("x-fs-key: {key}"));
            let headers: Vec<_> = key.iter().map(String::as_str).collect();
            let answer = ask(self.old.address, method, &format!("/fs/{folder}/{path}"), &headers, body);
            assert_eq!(answer.status, expected, "{method} {path} in the row {row:?}: {}", answer.text());
            if answer.status >= 400 {
                let error: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                assert!(error["error"].is_string() && error["message"].is_string(), "{row:?}: {error}");
            }
        }
    }

    /// A file in each folder that can have one.
    fn restore(&self) {
        for member in [&self.old, &self.new, &self.third] {
            // A client of the original may not be allowed to, and where it is the status tells nothing.
            let _status = member.put("file", b"before");
        }
    }

    fn key(&self, name: &str) -> Option<&str> {
        Some(match name {
            "none" => return None,
            "malformed" => "open-sesame",
            "unknown" => "00000000-0000-4000-8000-000000000000",
            "expired" => &self.expired,
            "old-uuid" => &self.old.uuid,
            "new-uuid" => &self.new.uuid,
            "new-key" => &self.new.key,
            "third-key" => &self.third.key,
            other => panic!("{other}"),
        })
    }
}

/// What this machine is called from elsewhere, if it is called anything.
fn other_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: it only picks the address that would be used.
    socket.connect("192.0.2.250:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

#[test]
#[ignore = "needs an address besides the loopback one: tests/run runs it"]
fn a_public_id_writes_only_from_the_address_of_its_connection() {
    let Some(other) = other_address() else {
        return println!("SKIPPED (this machine has no address besides the loopback one)");
    };
    for (rule, expected) in [("bound", 403), ("open", 204), ("deny", 403)] {
        let rule = format!("files.legacy_key={rule}");
        let mut command = support::gateway::server_command().unwrap();
        command.args(["--set", &rule, "--set", "heartbeat.timeout=2h", "--set", "heartbeat.interval=1h"]);
        command.arg("--allow-anonymous");
        let gateway = support::gateway::GatewayProcess::start_everywhere(command).unwrap();
        let here = std::net::SocketAddr::from(([127, 0, 0, 1], gateway.address().port()));
        let elsewhere = std::net::SocketAddr::new(other, gateway.address().port());
        let (old, new) = (Member::of_old(here, "old"), Member::join(here, "new"));
        let put = |address, member: &Member| {
            let key = format!("x-fs-key: {}", member.key);
            ask(address, "PUT", &format!("/fs/{}/file", member.name), &[&key], b"x").status
        };
        assert_eq!(put(here, &old), if rule.ends_with("deny") { 403 } else { 201 }, "{rule}");
        assert_eq!(put(elsewhere, &old), expected, "{rule}");
        // A secret key is one everywhere, and reading takes any.
        assert_eq!((put(here, &new), put(elsewhere, &new)), (201, 204), "{rule}");
        let key = format!("x-fs-key: {}", old.key);
        assert_eq!(ask(elsewhere, "GET", "/fs/new/file", &[&key], b"").status, 200, "{rule}");
    }
}

#[test]
fn a_folder_goes_with_its_client_and_another_of_its_name_begins_with_an_empty_one() {
    let gateway = gateway("");
    let reader = Member::join(gateway.address(), "reader");
    let key = format!("x-fs-key: {}", reader.key);
    let first = Member::join(gateway.address(), "alice");
    assert_eq!(first.put("file", b"first"), 201);
    drop(first);
    let find = || ask(gateway.address(), "GET", "/fs/alice/file", &[&key], b"").status;
    until("a folder goes", || find() == 404);
    let second = Member::join(gateway.address(), "alice");
    assert!(second.paths().is_empty());
}

#[test]
fn who_did_not_ask_for_a_key_is_not_told_one() {
    let gateway = gateway("");
    assert_eq!(Member::of_old(gateway.address(), "old").key.len(), 36);
    let old = Member::of_old(gateway.address(), "other");
    let new = Member::join(gateway.address(), "new");
    assert_eq!((old.key == old.uuid, new.key == new.uuid), (true, false));
    let off = super::gateway("files.serve = false");
    let new = Member::join(off.address(), "new");
    assert_eq!((new.key == new.uuid, new.put("file", b"x")), (true, 404));
}
