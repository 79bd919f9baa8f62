//! `concierge doctor` says what is wrong with TLS, and how long a certificate is still valid.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use serde_json::Value;
use support::gateway::Gateway;
use support::process::program;
use support::tls::{Authority, Validity, front};

/// What `doctor` says of TLS, and its exit code, where these are the authorities of the platform.
async fn tls(address: SocketAddr, roots: String) -> (Option<i32>, Value) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("roots.pem");
    std::fs::write(&file, roots).unwrap();
    let mut command = Command::new(program("concierge").unwrap());
    command.args(["--url", &format!("wss://{address}/ws"), "doctor", "--json"]).stdin(Stdio::null());
    command.env("HOME", home.path()).env("SSL_CERT_FILE", file).env_remove("SSL_CERT_DIR");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = record.get("checks").and_then(Value::as_array).unwrap();
    let of_tls = checks.iter().find(|check| check.get("name").is_some_and(|name| name == "tls")).unwrap();
    (output.status.code(), of_tls.clone())
}

fn text<'a>(check: &'a Value, field: &str) -> &'a str {
    check.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[tokio::test]
async fn a_certificate_that_is_trusted_has_its_end_told() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let address = front(authority.sign(&["127.0.0.1"], Validity::Now), gateway.address()).await;
    let (code, check) = tls(address, authority.pem()).await;
    assert_eq!(code, Some(0), "{check}");
    assert_eq!(text(&check, "verdict"), "ok");
    let told = text(&check, "message");
    assert!(told.starts_with("TLS 1.3, TLS13_") && told.contains("valid until 2999-01-01"), "{check}");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_with_what_to_try() {
    let gateway = Gateway::start();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    for (names, validity, roots, part) in [
        (&["127.0.0.1"][..], Validity::Now, theirs.pem(), "not signed by an authority"),
        (&["127.0.0.1"], Validity::Over, ours.pem(), "has expired"),
        (&["127.0.0.1"], Validity::ToCome, ours.pem(), "not valid yet"),
        (&["gateway.example"], Validity::Now, ours.pem(), "not for this name but for \"gateway.example\""),
    ] {
        let address = front(ours.sign(names, validity), gateway.address()).await;
        let (code, check) = tls(address, roots).await;
        assert_eq!((code, text(&check, "verdict")), (Some(3), "fail"), "{check}");
        assert!(text(&check, "message").contains(part), "{check}");
        assert!(!text(&check, "hint").is_empty(), "{check}");
    }
}

#[tokio::test]
async fn a_gateway_without_tls_fails_there() {
    let gateway = Gateway::start();
    let (code, check) = tls(gateway.address(), Authority::new("ours").pem()).await;
    assert_eq!((code, text(&check, "verdict")), (Some(3), "fail"), "{check}");
}
