//! Programs of other people against the file store: curl, requests for Python, fetch and forms for JavaScript.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::{Member, gateway, gateway_process, until};

/// A member's folder, by curl.
struct Curl<'m>(&'m Member);

impl Curl<'_> {
    fn command(&self, path: &str, arguments: &[&str]) -> Command {
        let Member { address, name, key, .. } = self.0;
        let mut command = Command::new("curl");
        // Not the settings of whoever runs the tests.
        command.args(["-q", "--silent", "--show-error", "--max-time", "60", "--noproxy", "*"]);
        command.args(["-H", &format!("x-fs-key: {key}")]).args(arguments);
        command.arg(format!("http://{address}/fs/{name}/{path}"));
        command
    }

    fn output(&self, path: &str, arguments: &[&str]) -> Output {
        self.command(path, arguments).output().expect("curl is installed")
    }

    /// The status that curl tells, of a request whose answer is written to nowhere.
    fn status(&self, path: &str, arguments: &[&str]) -> String {
        let arguments = [&["-o", "/dev/null", "-w", "%{http_code}"], arguments].concat();
        let output = self.output(path, &arguments);
        assert!(output.status.success(), "{path} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
#[ignore = "needs curl, which tests/run installs"]
fn curl_stores_fetches_goes_on_and_asks_whether_it_has_it_already() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    let curl = Curl(&alice);
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    let content: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    std::fs::write(&here, &content).unwrap();
    let at = |path: &Path| format!("@{}", path.display());

    assert_eq!(curl.status("put", &["-T", text(&here)]), "201");
    assert_eq!(curl.status("put", &["-T", text(&here)]), "204");
    assert_eq!(curl.status("chunked", &["-T", text(&here), "-H", "Transfer-Encoding: chunked"]), "201");
    assert_eq!(curl.status("posted", &["--data-binary", &at(&here)]), "201");
    assert_eq!(curl.status("form", &["-F", &format!("file={}", at(&here))]), "201");
    for path in ["put", "chunked", "posted", "form"] {
        assert!(alice.get(path).body == content, "{path}");
    }
    let two = ["-F", "a=@-;filename=x", "-F", &format!("b={};filename=y", at(&here))];
    let mut both = curl.command("", &[&["-o", "/dev/null", "-w", "%{http_code}"], &two[..]].concat());
    let output = both.stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "201");
    assert_eq!((alice.get("x").body.len(), alice.get("y").body.len()), (0, content.len()));
    assert_eq!(curl.status("form", &two), "412");

    assert!(curl.output("put", &["-r", "1000-1999"]).stdout == content[1000..2000]);
    std::fs::write(&there, &content[..1_234_567]).unwrap();
    assert_eq!(curl.status("put", &["-C", "-"]), "200", "there is nothing to go on from");
    let output = curl.output("put", &["-C", "-", "-o", text(&there), "-w", "%{http_code}"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "206");
    assert!(std::fs::read(&there).unwrap() == content);

    let tag = folder.path().join("tag");
    assert_eq!(curl.status("put", &["--etag-save", text(&tag)]), "200");
    assert_eq!(curl.status("put", &["--etag-compare", text(&tag)]), "304");
    let modified = alice.get("put").header("last-modified").unwrap().to_owned();
    assert_eq!(curl.status("put", &["-z", &modified]), "304");
    assert_eq!(curl.status("put", &["-z", "-Thu, 01 Jan 1970 00:00:00 GMT"]), "200");
    assert_eq!(curl.status("put", &["-I"]), "200");
    assert_eq!(curl.status("put", &["-X", "DELETE"]), "200");
    assert_eq!(curl.status("put", &[]), "404");
    assert_eq!(curl.status("%2e%2e%2fput", &[]), "400");
}

#[test]
#[ignore = "needs curl, which tests/run installs"]
fn an_uploader_that_is_killed_leaves_the_old_file_and_nothing_on_the_disk() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("files");
    let gateway = gateway_process(&folder, &[]).unwrap();
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"old"), 201);
    let here = place.path().join("here");
    std::fs::write(&here, vec![b'n'; 30 << 20]).unwrap();
    let files = || {
        let entries = std::fs::read_dir(&folder).unwrap().map(Result::unwrap);
        entries.filter(|entry| entry.file_name() != "lock").collect::<Vec<_>>()
    };
    for kind in [vec!["-T", text(&here)], vec!["-F", &format!("file=@{}", here.display())]] {
        let mut uploader =
            Curl(&alice).command("file", &[&["--limit-rate", "1M"], &kind[..]].concat()).spawn().unwrap();
        let begun = || files().iter().any(|entry| entry.metadata().is_ok_and(|file| file.len() > 1 << 18));
        until("a part of the upload is on the disk", begun);
        // By a signal that no program can handle.
        uploader.kill().unwrap();
        uploader.wait().unwrap();
        assert_eq!(alice.get("file").body, b"old");
        until("what was begun is given up", || files().len() == 1);
    }
    assert_eq!((alice.paths(), alice.get("file").body), (vec!["file".to_owned()], b"old".to_vec()));
}

/// Runs a program that ends with 0 when all went as it should.
fn run(interpreter: &str, variable: &str, script: &str) {
    let gateway = gateway("");
    let interpreter = std::env::var_os(variable).unwrap_or_else(|| interpreter.into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
    let output =
        Command::new(interpreter).arg(script).arg(gateway.url()).output().expect("tests/run installs it");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.ends_with("done\n"), "{said}{complained}");
}

#[test]
#[ignore = "needs the Python peer: tests/run runs it"]
fn python_hands_files_around_with_requests() {
    run("python3", "CONCIERGE_PYTHON", "python/files.py");
}

#[test]
#[ignore = "needs the JavaScript peer: tests/run runs it"]
fn javascript_hands_files_around_with_fetch_and_form_data() {
    run("node", "CONCIERGE_NODE", "javascript/files.js");
}
