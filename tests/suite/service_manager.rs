//! A gateway under a service manager: it says when it is ready, when it reads anew, and when it stops.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use support::gateway::{GatewayProcess, server_command};
use support::raw::RawSocket;

fn told(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = manager.recv(&mut buffer).expect("the gateway says something");
    String::from_utf8(buffer[..length].to_vec()).expect("it is text")
}

#[test]
fn systemd_hears_of_ready_reloading_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = server_command().unwrap();
    command.env("NOTIFY_SOCKET", &path);
    let mut gateway = GatewayProcess::start_by(command).unwrap();
    assert_eq!(told(&manager), "READY=1\n");
    let mut alice = RawSocket::identified(gateway.address(), "alice", "").unwrap();

    gateway.program.signal(Signal::HUP).unwrap();
    let reloading = told(&manager);
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("it is reloading").trim_end();
    assert!(since.parse::<u64>().unwrap() > 0, "{reloading}");
    assert_eq!(told(&manager), "READY=1\n");
    alice.send_text(r#"{"type":"SELF_FETCH"}"#).unwrap();
    assert!(alice.read_text().unwrap().contains("alice"), "the reload went past her");

    gateway.program.signal(Signal::TERM).unwrap();
    assert_eq!(told(&manager), "STOPPING=1\n");
    assert_eq!(alice.read_close().unwrap().code, Some(1001));
    assert_eq!(gateway.program.wait().unwrap().code(), Some(0), "{}", gateway.program.account());
}

#[test]
fn without_a_certificate_and_a_service_manager_a_lost_terminal_ends_it() {
    let mut command = server_command().unwrap();
    command.env("NOTIFY_SOCKET", "");
    let mut gateway = GatewayProcess::start_by(command).unwrap();
    gateway.program.signal(Signal::HUP).unwrap();
    assert_eq!(gateway.program.wait().unwrap().code(), None, "{}", gateway.program.account());
    assert!(!gateway.program.stderr().contains("service manager"), "{}", gateway.program.account());
}
