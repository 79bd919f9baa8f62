//! Paths that mean to lead out of a folder: in URLs and in forms, as they are and percent-encoded once and twice.

use std::collections::BTreeSet;

use super::{Member, ask, form, gateway, gateway_process, until};

/// What is tried, as a program would write it before any encoding.
fn hostile() -> Vec<String> {
    let ups = [
        "..",
        "../",
        "../..",
        "../../..",
        "../../../../../../../../",
        ".",
        "./",
        "./.",
        "/..",
        "...",
        "....",
        "..;",
        "..;/",
    ];
    let goals =
        ["etc/passwd", "etc/shadow", "lock", "bob/file", "proc/self/environ", "dev/zero", "windows/win.ini"];
    let mut paths: BTreeSet<String> = BTreeSet::new();
    for up in ups {
        paths.insert(up.to_owned());
        for goal in goals {
            for path in [
                format!("{up}/{goal}"),
                format!("a/{up}/{goal}"),
                format!("{up}\\{goal}"),
                format!("/{up}/{goal}"),
            ] {
                paths.insert(path);
            }
        }
    }
    for whole in [
        "/etc/passwd",
        "//etc/passwd",
        "\\\\host\\share",
        "C:\\windows\\win.ini",
        "C:/windows/win.ini",
        "file:///etc/passwd",
        "~/.ssh/id_rsa",
        "$HOME",
        "`id`",
        "$(id)",
        "a|b",
        "a>b",
        "a\0b",
        "\0",
        "..\0/etc/passwd",
        "a\nb",
        "a\r\nX: y",
        "CON",
        "nul",
        "NUL.txt",
        "com1",
        "LPT9.log",
        "aux",
        "a:b",
        "a::$DATA",
        "a.",
        "a ",
        " a",
        "a/",
        "a//b",
        "",
        "\u{202e}txt.exe",
        "a\u{200b}b",
        "．．/etc/passwd",
        "‥/etc/passwd",
        "..／etc",
        "%2e%2e%2f",
        "%c0%ae%c0%ae/",
        "..%c0%af..",
        "0000000000000000",
        "0000000000000001",
        "lock",
        ".git/config",
        "a/./b",
        "a/../a",
    ] {
        paths.insert(whole.to_owned());
    }
    paths.into_iter().collect()
}

fn encoded(text: &str, every: bool) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' if !every => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Every way in which a path goes into a URL. What no URL can hold is encoded at least.
fn targets(path: &str) -> Vec<String> {
    let once = encoded(path, false);
    let every = encoded(path, true);
    let mut targets = vec![once.clone(), every.clone(), encoded(&once, false), encoded(&every, true)];
    if path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#')) {
        targets.push(path.to_owned());
    }
    targets
}

/// Tries everything as a client of a gateway. Returns how many requests that took.
fn try_all(alice: &Member, bob: &Member) -> usize {
    let mut requests = 0;
    assert_eq!(bob.put("file", b"bob's"), 201);
    for path in hostile() {
        for target in targets(&path) {
            for (method, body) in
                [("PUT", &b"hostile"[..]), ("GET", b""), ("POST", b"hostile"), ("DELETE", b"")]
            {
                let answer = alice.ask(method, &target, &[], body);
                requests += 1;
                let is_plain = matches!(answer.status, 200 | 201 | 204);
                assert!(
                    is_plain || (400..500).contains(&answer.status),
                    "{method} {target}: {}",
                    answer.status
                );
                assert!(
                    !answer.text().contains("root:") && !answer.text().contains("bob's"),
                    "{method} {target}"
                );
            }
        }
        if !path.contains(['"', '\r', '\n']) {
            let (kind, body) = form(&[(Some(&path), b"hostile")]);
            for place in ["", "one"] {
                let answer = alice.ask("POST", place, &[&kind], &body);
                requests += 1;
                assert!(
                    matches!(answer.status, 201 | 400 | 409 | 414 | 422 | 428),
                    "{path}: {} {}",
                    answer.status,
                    answer.text()
                );
            }
        }
    }
    for path in alice.paths() {
        let parts: Vec<_> = path.split('/').collect();
        assert!(parts.iter().all(|part| !matches!(*part, "" | "." | "..")), "{path:?}");
        assert!(!path.contains(['\\', '\0', ':', '\u{202e}']), "{path:?}");
    }
    assert_eq!(bob.get("file").body, b"bob's");
    requests
}

#[test]
fn there_are_more_than_two_hundred_of_them() {
    assert!(hostile().len() > 200, "{}", hostile().len());
}

#[test]
fn no_hostile_path_leads_anywhere() {
    let gateway = gateway("");
    let (alice, bob) = (Member::join(gateway.address(), "alice"), Member::join(gateway.address(), "bob"));
    assert!(try_all(&alice, &bob) > 3000);
}

#[test]
fn a_hostile_client_name_in_a_url_is_nobodys_folder() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    let key = format!("x-fs-key: {}", alice.key);
    for folder in ["..", "%2e%2e", "..%2f..", ".", "alice%2f..", "%00", "alice%00", "%ff", "a%5cb", ""] {
        for (method, body, expected) in [("GET", &b""[..], 404), ("PUT", b"x", 403)] {
            let answer = ask(gateway.address(), method, &format!("/fs/{folder}/file"), &[&key], body);
            assert_eq!(answer.status, expected, "{method} {folder:?}: {}", answer.text());
        }
    }
}

/// Where the system's library looks how many processors there are, when a thread of its own allocates for the first time.
const PROCESSORS: &str = "/sys/devices/system/cpu/online";

/// The program itself, watched by strace: whatever it opens by a name it got from a client would be seen.
#[test]
#[ignore = "needs strace, which tests/run installs"]
fn nothing_outside_the_folder_is_ever_opened() {
    let place = tempfile::tempdir().unwrap();
    let (folder, trace) = (place.path().join("files"), place.path().join("trace"));
    let gateway = gateway_process(&folder, &[]).unwrap();
    let mut strace = std::process::Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=open,openat,openat2,creat,rename,renameat,renameat2,link,linkat,symlink,unlink,unlinkat,mkdir,mkdirat"])
        .args(["-o", trace.to_str().unwrap(), "-p", &gateway.program.id().to_string()])
        .spawn()
        .expect("strace is installed");
    let (alice, bob) = (Member::join(gateway.address(), "alice"), Member::join(gateway.address(), "bob"));
    // Until strace sees what the gateway opens.
    let seen = || std::fs::read_to_string(&trace).unwrap_or_default();
    let mut probe = 0;
    until("strace sees what is opened", || {
        probe += 1;
        assert_eq!(bob.put(&format!("probe/{probe}"), b"x"), 201);
        seen().contains("openat")
    });
    let requests = try_all(&alice, &bob);
    rustix::process::kill_process(rustix::process::Pid::from_child(&strace), rustix::process::Signal::INT)
        .unwrap();
    strace.wait().unwrap();
    let trace = seen();
    let mut opened = 0;
    for line in trace.lines().filter(|line| line.contains('"')) {
        let name = line.split('"').nth(1).unwrap();
        if name == PROCESSORS {
            continue;
        }
        let is_number = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        assert!(is_number, "something else than a numbered file was touched: {line}");
        opened += 1;
    }
    assert!(opened > 100, "{opened} of {requests} requests touched the disk");
}
