//! A client takes a gateway behind TLS only when an authority it trusts says that it is the one, and says what is wrong
//! otherwise.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use concierge_client::{BuildError, Client, ClientBuilder, ConnectError, Stage, TlsError};
use support::gateway::Gateway;
use support::process::program;
use support::tls::{Authority, Validity, front, self_signed};
use tokio::net::TcpListener;

fn builder(address: SocketAddr, root: impl AsRef<[u8]>) -> ClientBuilder {
    Client::builder(format!("wss://{address}/ws"), "alice").unwrap().root_certificate(root)
}

/// What is wrong with TLS, where something has to be. All of it is final, and a person is told what to try.
async fn wrong(builder: ClientBuilder) -> TlsError {
    let error = builder.connect().await.unwrap_err();
    assert!(!error.is_temporary(), "{error:?}");
    assert!(error.hint().is_some(), "{error:?}");
    match error {
        ConnectError::Tls { host, source } => {
            assert_eq!(host, "127.0.0.1");
            source
        }
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_gateway_of_an_authority_that_was_given_is_let_in() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let address = front(authority.sign(&["127.0.0.1"], Validity::Now), gateway.address()).await;
    let client = builder(address, authority.pem()).connect().await.unwrap();
    assert_eq!(client.whoami().await.unwrap().client.name, "alice");
    // A message larger than what TLS holds back at a time.
    let text = "x".repeat(300_000);
    let echo = client.wait_for(Duration::from_secs(20), |event| match event {
        concierge_client::Event::Message(message) => message.data.parse::<String>().ok(),
        _ => None,
    });
    client.to("alice").json(&text).await.unwrap();
    assert!(echo.await.unwrap() == text);
    client.close().await;
}

#[tokio::test]
async fn each_authority_that_was_given_is_trusted() {
    let gateway = Gateway::start();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let address = front(theirs.sign(&["127.0.0.1"], Validity::Now), gateway.address()).await;
    builder(address, ours.pem()).root_certificate(theirs.pem()).connect().await.unwrap();
    builder(address, format!("{}\n{}", ours.pem(), theirs.pem())).connect().await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_signed_itself_is_trusted_when_it_was_given() {
    let gateway = Gateway::start();
    let (identity, pem) = self_signed(&["127.0.0.1"], false);
    let address = front(identity, gateway.address()).await;
    builder(address, pem).connect().await.unwrap();
    let other = Authority::new("other").pem();
    assert_eq!(wrong(builder(address, other)).await, TlsError::UnknownAuthority);
    let (identity, pem) = self_signed(&["127.0.0.1"], true);
    let error = wrong(builder(front(identity, gateway.address()).await, pem)).await;
    assert_eq!(
        error.to_string(),
        "its certificate cannot be used: it is that of an authority (CA:TRUE), not that of a server"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let gateway = Gateway::start();
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let sign = |names: &[&str], validity| front(ours.sign(names, validity), gateway.address());

    let address = sign(&["127.0.0.1"], Validity::Now).await;
    assert_eq!(wrong(builder(address, theirs.pem())).await, TlsError::UnknownAuthority);

    let address = sign(&["gateway.example", "10.0.0.1"], Validity::Now).await;
    let error = wrong(builder(address, ours.pem())).await;
    let TlsError::WrongName { presented } = &error else { panic!("{error:?}") };
    assert_eq!(presented, &["gateway.example", "10.0.0.1"]);
    assert_eq!(
        error.to_string(),
        r#"its certificate is not for this name but for "gateway.example", "10.0.0.1""#
    );

    let address = sign(&["127.0.0.1"], Validity::Over).await;
    assert_eq!(wrong(builder(address, ours.pem())).await, TlsError::Expired);

    let address = sign(&["127.0.0.1"], Validity::ToCome).await;
    assert_eq!(wrong(builder(address, ours.pem())).await, TlsError::NotYetValid);
}

#[tokio::test]
async fn a_gateway_without_tls_is_not_mistaken_for_one_with_it() {
    let gateway = Gateway::start();
    let root = Authority::new("ours").pem();
    assert_eq!(wrong(builder(gateway.address(), root)).await, TlsError::NotTls);
}

#[tokio::test]
async fn a_gateway_with_tls_is_not_mistaken_for_one_without_it() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let address = front(authority.sign(&["127.0.0.1"], Validity::Now), gateway.address()).await;
    let error = Client::builder(format!("ws://{address}/ws"), "alice").unwrap().connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::NotWebSocket { .. }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_hangs_up_or_says_nothing_in_the_handshake_may_do_better_later() {
    let root = Authority::new("ours").pem();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let kept = tokio::spawn(async move {
        drop(listener.accept().await.unwrap());
        listener.accept().await.unwrap()
    });
    let error = builder(address, &root).connect().await.unwrap_err();
    assert!(matches!(error, ConnectError::HungUp { stage: Stage::Tls, .. }), "{error:?}");
    assert_eq!(error.to_string(), "the server hung up during the TLS handshake");
    assert!(error.is_temporary());
    let within = Duration::from_millis(200);
    let error = builder(address, &root).connect_timeout(within).connect().await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Timeout { stage: Stage::Tls, after } if after == within),
        "{error:?}"
    );
    assert!(error.is_temporary());
    drop(kept.await.unwrap());
}

#[tokio::test]
async fn what_is_no_certificate_is_told_before_anything_is_tried() {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    for (pem, message) in [
        ("", "there is no certificate in it"),
        ("nonsense", "there is no certificate in it"),
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "it is not PEM"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""),
    ] {
        let error = builder(nowhere, pem).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Build(BuildError::RootCertificate { .. })), "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.hint().is_some());
    }
}

/// What the command prints and how it ends, where these are the authorities of the platform.
async fn whoami(address: SocketAddr, platform: &str) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let roots = home.path().join("roots.pem");
    std::fs::write(&roots, platform).unwrap();
    let mut command = Command::new(program("concierge").unwrap());
    let url = format!("wss://{address}/ws");
    command.args(["--url", &url, "whoami"]).env("HOME", home.path());
    command.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR").stdin(std::process::Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[tokio::test]
async fn the_authorities_of_the_platform_are_trusted_when_none_is_given() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let address = front(authority.sign(&["127.0.0.1"], Validity::Now), gateway.address()).await;
    let (code, said) = whoami(address, &authority.pem()).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = whoami(address, &Authority::new("theirs").pem()).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("not signed by an authority that this client trusts"), "{said}");
    let (code, said) = whoami(address, "").await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("ca-certificates"), "{said}");
}
