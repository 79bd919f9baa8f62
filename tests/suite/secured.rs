//! A gateway with a certificate: clients come over TLS and no other way, nobody holds it up before they do, and another
//! certificate takes the place of the one it has without anybody noticing.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use concierge_client::{Client, ConnectError, TlsError};
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use support::gateway::{Gateway, GatewayProcess, server_command};
use support::raw::{Handshake, RawSocket};
use support::tls::{Authority, Files, Validity};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::files::until;
use super::metrics;

/// An authority, and the files of a certificate that it signed for this machine.
fn authority(folder: &Path) -> (Authority, Files) {
    let authority = Authority::new("ours");
    let files = renewed(&authority, folder);
    (authority, files)
}

fn renewed(authority: &Authority, folder: &Path) -> Files {
    authority.sign(&["127.0.0.1", "localhost"], Validity::Now).save(folder)
}

async fn join(address: SocketAddr, name: &str, root: &Authority) -> Result<Client, ConnectError> {
    let builder = Client::builder(format!("wss://{address}/ws"), name).unwrap();
    builder.root_certificate(root.pem()).connect().await
}

/// Arguments of a gateway with these settings more.
fn arguments<'s>(tls: &'s [String; 2], settings: &[&'s str]) -> Vec<&'s str> {
    let settings = tls.iter().map(String::as_str).chain(settings.iter().copied());
    settings.flat_map(|setting| ["--set", setting]).collect()
}

/// What a client and the gateway agree on, when the client knows these versions and these protocols above them.
async fn agreed(
    address: SocketAddr,
    root: &Authority,
    version: &'static SupportedProtocolVersion,
    protocols: &[&str],
) -> std::io::Result<(Option<ProtocolVersion>, Option<String>)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let connection = stream.get_ref().1;
    let protocol = connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    Ok((connection.protocol_version(), protocol))
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_talk_and_share_files_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (root, files) = authority(folder.path());
    let gateway = Gateway::configured(&files.configuration()).unwrap();
    let alice = join(gateway.address(), "alice", &root).await.unwrap();
    let bob = join(gateway.address(), "bob", &root).await.unwrap();
    // Larger than what TLS takes at a time, both ways.
    let text = "x".repeat(300_000);
    let heard = bob.wait_for(Duration::from_secs(20), |event| match event {
        concierge_client::Event::Message(message) => message.data.parse::<String>().ok(),
        _ => None,
    });
    alice.to("bob").json(&text).await.unwrap();
    assert!(heard.await.unwrap() == text);
    let content: Vec<u8> = (0..=250).cycle().take(3_000_000).collect();
    alice.files().put("file", content.clone()).await.unwrap();
    assert!(bob.files().get("alice", "file").bytes(3_000_000).await.unwrap() == content);
    alice.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_tls_are_spoken_and_no_other_protocol_above_them() {
    let folder = tempfile::tempdir().unwrap();
    let (root, files) = authority(folder.path());
    let gateway = Gateway::configured(&files.configuration()).unwrap();
    let address = gateway.address();
    let http = || Some("http/1.1".to_owned());
    let both = ["h2", "http/1.1"];
    let newer = agreed(address, &root, &rustls::version::TLS13, &both).await.unwrap();
    assert_eq!(newer, (Some(ProtocolVersion::TLSv1_3), http()));
    let older = agreed(address, &root, &rustls::version::TLS12, &both).await.unwrap();
    assert_eq!(older, (Some(ProtocolVersion::TLSv1_2), http()));
    let error = agreed(address, &root, &rustls::version::TLS13, &["h2"]).await.unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
}

/// Waits until so many were turned away for that. They are counted when they are gone.
fn until_counted(told: SocketAddr, cause: &str, count: f64) {
    let metric = format!("concierge_connections_refused_total{{cause=\"{cause}\"}}");
    until(&metric, || (metrics::number(&metrics::read(told), &metric) - count).abs() < 0.5);
}

#[test]
fn what_is_no_tls_or_comes_too_late_is_closed_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let tls = authority(folder.path()).1.settings();
    let (gateway, told) = metrics::gateway(&arguments(&tls, &["head.timeout=300ms"]));
    let mut plain = RawSocket::open(gateway.address()).unwrap();
    plain.send_bytes(Handshake::upgrade("/ws", "localhost").text().as_bytes()).unwrap();
    plain.read_response().unwrap_err();
    // One that says nothing at all.
    let mut silent = RawSocket::open(gateway.address()).unwrap();
    silent.read_response().unwrap_err();
    // And one that does not come to the end of what it says: the beginning of a record of TLS.
    let mut slow = RawSocket::open(gateway.address()).unwrap();
    slow.send_bytes(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).unwrap();
    slow.read_response().unwrap_err();
    until_counted(told, "tls", 3.0);
}

#[test]
fn who_is_still_in_the_handshake_is_one_of_those_that_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let tls = authority(folder.path()).1.settings();
    let settings = ["limits.unidentified_per_address=1", "head.timeout=1h"];
    let (gateway, told) = metrics::gateway(&arguments(&tls, &settings));
    let _first = RawSocket::open(gateway.address()).unwrap();
    let mut second = RawSocket::open(gateway.address()).unwrap();
    second.read_response().unwrap_err();
    until_counted(told, "address", 1.0);
}

/// Waits until the gateway has said that.
fn until_told(gateway: &GatewayProcess, part: &str) {
    until(part, || gateway.program.stderr().contains(part));
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_brings_another_certificate_and_disconnects_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (old, files) = authority(folder.path());
    let tls = files.settings();
    let mut gateway = GatewayProcess::start(&arguments(&tls, &[])).unwrap();
    let address = gateway.address();
    assert_eq!(gateway.program.heard(), [format!("listening on wss://{address}/ws")]);
    let alice = join(address, "alice", &old).await.unwrap();

    let new = Authority::new("new");
    renewed(&new, folder.path());
    gateway.program.signal(Signal::HUP).unwrap();
    until_told(&gateway, "the certificate is the one that its file has now");
    let error = join(address, "bob", &old).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { source: TlsError::UnknownAuthority, .. }), "{error:?}");
    let bob = join(address, "bob", &new).await.unwrap();

    // Half of what was to be renewed: the key is that of the certificate before.
    std::fs::write(&files.key, "nonsense").unwrap();
    gateway.program.signal(Signal::HUP).unwrap();
    until_told(&gateway, "the certificate stays as it was");
    let said = gateway.program.stderr();
    assert!(said.contains("there is no key in ") && said.contains("tls.key_file"), "{said}");
    let carol = join(address, "carol", &new).await.unwrap();
    // Nobody was disconnected, or has connected again since.
    let names: Vec<_> =
        alice.clients().await.unwrap().into_iter().map(|client| client.name.to_string()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(alice.whoami().await.unwrap().client.name, "alice");
    drop((bob, carol));

    gateway.program.signal(Signal::TERM).unwrap();
    assert_eq!(gateway.program.wait().unwrap().code(), Some(0), "{}", gateway.program.account());
}

/// What `--check` says to these settings, and how it ends.
fn check(settings: &[String]) -> (Option<i32>, String) {
    let mut command = server_command().unwrap();
    command.arg("--check").args(settings.iter().flat_map(|setting| ["--set", setting]));
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn files_that_nobody_could_connect_with_are_refused_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (_, files) = authority(folder.path());
    let good = files.settings();
    assert_eq!(check(&good), (Some(0), String::new()));
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    };
    let (cert, key) = (files.certificate.display().to_string(), files.key.display().to_string());
    let other_folder = tempfile::tempdir().unwrap();
    let other = authority(other_folder.path()).1.key.display().to_string();
    let open = file("open.pem", &std::fs::read(&key).unwrap());
    std::fs::set_permissions(&open, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let cut = std::fs::read(&cert).unwrap()[..200].to_vec();
    let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let locked = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases: [(&str, &str, &str, &str); 10] = [
        ("/nowhere/cert.pem", key.as_str(), "tls.cert_file", "cannot read /nowhere/cert.pem: No such file"),
        (&cert, "/nowhere/key.pem", "tls.key_file", "cannot read /nowhere/key.pem: No such file"),
        (&file("der", &[0x30, 0x82, 1, 1]), &key, "tls.cert_file", "-----BEGIN CERTIFICATE-----"),
        (&key, &key, "tls.cert_file", "there is no certificate in "),
        (&cert, &cert_as_key(&cert, folder.path()), "tls.key_file", "there is no key in "),
        (&file("cut.pem", &cut), &key, "tls.cert_file", "is broken PEM"),
        (&file("nonsense.pem", nonsense), &key, "tls.cert_file", "is none that a server can show"),
        (&cert, &file("locked.pem", locked), "tls.key_file", "has a passphrase"),
        (&cert, &other, "tls.key_file", "does not belong to the certificate in "),
        (&cert, &open, "tls.key_file", "every user of this machine can read "),
    ];
    for (cert, key, setting, part) in cases {
        let (code, said) = check(&[format!("tls.cert_file={cert}"), format!("tls.key_file={key}")]);
        assert_eq!(code, Some(78), "{part}: {said}");
        assert!(said.starts_with(&format!("error: `{setting}` in the flag --set: ")), "{said}");
        assert!(said.contains(part) && !said.contains("os error") && said.lines().count() == 1, "{said}");
    }
    for alone in good {
        let (code, said) = check(&[alone]);
        assert!(code == Some(78) && said.contains("is of no use without"), "{said}");
    }
}

/// A certificate where the key belongs, readable by nobody else.
fn cert_as_key(cert: &str, folder: &Path) -> String {
    let path = folder.join("no_key.pem");
    std::fs::copy(cert, &path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path.display().to_string()
}

#[test]
#[ignore = "needs curl, which tests/run installs"]
fn curl_comes_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (root, files) = authority(folder.path());
    let gateway = Gateway::configured(&files.configuration()).unwrap();
    let trusted = folder.path().join("root.pem");
    std::fs::write(&trusted, root.pem()).unwrap();
    let mut curl = Command::new("curl");
    curl.args(["-q", "--silent", "--show-error", "--max-time", "60", "--noproxy", "*", "--cacert"])
        .arg(trusted);
    let output =
        curl.arg(format!("https://{}/healthz", gateway.address())).output().expect("curl is installed");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "ok\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
