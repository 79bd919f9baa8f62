//! Start: a gateway that cannot run as it was told says why and what to change, and ends with its own exit codes.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::gateway::{GatewayProcess, server_command};
use support::process::Program;
use support::raw::RawSocket;

/// Runs the program to its end; what it wrote on stderr must be meant for a person.
pub(crate) fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = server_command().expect("the program is there");
    let mut gateway = Program::start("concierge-server", command.args(arguments)).expect("it starts");
    let status = gateway.wait().expect("it ends by itself");
    let account = gateway.account();
    assert!(!account.contains("listening"), "it said that it listens:{account}");
    assert!(!account.contains("panicked") && !account.contains("backtrace"), "it panicked:{account}");
    assert!(!account.contains("os error"), "it tells a number:{account}");
    (status.code(), gateway.stderr())
}

fn configuration(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    file
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

#[test]
fn a_port_in_use_is_told_and_exits_with_10() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("its address").to_string();
    let (code, said) = refused(&["--bind", &address]);
    assert_eq!(code, Some(10), "{said}");
    let told = format!("error: cannot listen on {address}: Address already in use");
    let hint = "hint:  something listens there already; port 0 picks a free one";
    assert_eq!(said.lines().collect::<Vec<_>>(), [told.as_str(), hint]);
}

#[test]
fn an_address_that_is_not_of_this_machine_exits_with_10() {
    // 192.0.2.0/24 is for documentation (RFC 5737): nobody has it.
    let file = configuration("allow_anonymous = true");
    let (code, said) = refused(&["--bind", "192.0.2.1:0", "--config", path(file.path())]);
    assert_eq!(code, Some(10), "{said}");
    assert!(
        said.contains("192.0.2.1") && said.contains("\nhint:  this machine has no such address"),
        "{said}"
    );
}

#[test]
fn an_unknown_key_in_the_configuration_is_named_and_exits_with_78() {
    let file = configuration("hartbeat.interval = \"2s\"\n");
    let (code, said) = refused(&["--bind", "127.0.0.1:0", "--config", path(file.path())]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("hartbeat.interval") && said.contains("heartbeat.interval"), "{said}");
    assert!(said.contains(path(file.path())), "{said}");
}

#[test]
fn a_wrong_value_in_the_configuration_is_named_and_exits_with_78() {
    let file = configuration("limits.services = \"many\"\n");
    let (code, said) = refused(&["--bind", "127.0.0.1:0", "--config", path(file.path())]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("limits.services") && said.contains("expected"), "{said}");
}

#[test]
fn a_configuration_that_is_no_toml_exits_with_78() {
    let file = configuration("secret = \"never closed\nbind = 7\n");
    let (code, said) = refused(&["--bind", "127.0.0.1:0", "--config", path(file.path())]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(path(file.path())), "{said}");
    assert!(!said.contains("never closed"), "a secret was repeated: {said}");
}

#[test]
fn a_configuration_that_cannot_be_read_exits_with_78() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = folder.path().join("none.toml");
    let (code, said) = refused(&["--config", path(&missing)]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(path(&missing)), "{said}");
    let (code, said) = refused(&["--config", path(folder.path())]);
    assert_eq!(code, Some(78), "a folder: {said}");
}

#[test]
fn a_flag_that_does_not_exist_exits_with_2() {
    let (code, said) = refused(&["--no-such-flag"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("--no-such-flag"), "{said}");
}

#[test]
fn a_public_address_without_a_secret_is_refused_with_78() {
    let (code, said) = refused(&["--bind", "0.0.0.0:0"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("secret") && said.contains("allow_anonymous"), "{said}");
}

#[test]
fn a_secret_that_every_user_can_read_is_refused_with_78() {
    let file = configuration("s3cret\n");
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let (code, said) = refused(&["--bind", "127.0.0.1:0", "--secret-file", path(file.path())]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(path(file.path())) && !said.contains("s3cret"), "{said}");
}

#[test]
fn port_0_picks_a_free_port_and_the_first_line_tells_it() {
    let first = GatewayProcess::start(&[]).expect("a gateway");
    let second = GatewayProcess::start(&[]).expect("another gateway beside it");
    assert_ne!(first.address(), second.address());
    for gateway in [&first, &second] {
        RawSocket::upgraded(gateway.address()).expect("what the line says is true");
    }
}

#[test]
fn the_file_is_used_and_a_flag_is_stronger() {
    let secret = configuration("s3cret\n");
    let file = configuration("bind = \"192.0.2.1:1\"\nidentify_timeout = \"4s\"\nlimits.services = 1\n");
    // `--bind` wins over the file's address, which could not be had.
    let arguments = ["--config", path(file.path()), "--secret-file", path(secret.path())];
    let gateway = GatewayProcess::start(&arguments).expect("a gateway");
    let mut socket = RawSocket::upgraded(gateway.address()).expect("a connection");
    let identify = r#"{"type":"IDENTIFY","name":"alice","version":"0.2.0","secret":"s3cret","intents":[]}"#;
    socket.send_text(identify).expect("it can be sent");
    let hello = socket.read_text().expect("an answer");
    assert!(hello.contains(r#""services":1}"#), "{hello}");
}

#[test]
fn a_configuration_is_checked_without_starting_anything() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("its address").to_string();
    let check = |arguments: &[&str]| {
        server_command()
            .expect("the program is there")
            .arg("--check")
            .args(arguments)
            .output()
            .expect("it runs")
    };
    let good = check(&["--bind", &taken]);
    assert_eq!((good.status.code(), good.stdout.as_slice()), (Some(0), &b"the configuration is good\n"[..]));
    let bad = check(&["--bind", "0.0.0.0:0"]);
    assert_eq!(bad.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("without a secret"));
}

#[test]
fn the_printed_configuration_is_one_and_tells_origins_but_no_secret() {
    let print = |arguments: &[&str]| {
        let mut command = server_command().expect("the program is there");
        command.arg("--print-config").args(arguments).env("CONCIERGE_SERVER_SECRET", "sesame");
        String::from_utf8(command.output().expect("it runs").stdout).expect("text")
    };
    let printed = print(&["--set", "limits.message=2MiB"]);
    let line = |key: &str| printed.lines().find(|line| line.contains(key)).expect(key);
    assert!(line("limits.message").ends_with("# in the flag --set"));
    assert!(line("identify_timeout").ends_with("# by default"));
    assert!(line("# secret ").ends_with("# not shown here; in the variable CONCIERGE_SERVER_SECRET"));
    assert!(!printed.contains("sesame"));
    let file = configuration(&printed);
    let again = print(&["--config", path(file.path())]);
    assert!(again.contains("limits.message = \"2MiB\""), "{again}");
}
