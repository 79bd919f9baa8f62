//! A client reaches its gateway through the proxy it is given or finds in the environment, and says what is wrong with it.

use std::future::poll_fn;
use std::pin::pin;
use std::process::Command;
use std::task::Poll;
use std::time::Duration;

use concierge_client::{BuildError, Client, ClientBuilder, ConnectError, Event, ProxyError, Stage};
use support::gateway::Gateway;
use support::process::program;
use support::proxy::Proxy;
use support::tls::{Authority, Validity, front};

/// A client of a gateway that only the proxy can find: here, nothing listens at that port.
fn builder(proxy: &str) -> ClientBuilder {
    Client::builder("ws://localhost:1/ws", "alice").unwrap().proxy(proxy)
}

/// What is wrong with a proxy, and whether it may pass.
async fn wrong(builder: ClientBuilder) -> (ProxyError, bool) {
    let error = builder.connect_timeout(Duration::from_secs(20)).connect().await.unwrap_err();
    let temporary = error.is_temporary();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("sesame") && !shown.contains("c2VzYW1l"), "{shown}");
    match error {
        ConnectError::Proxy { source, .. } => (source, temporary),
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn an_http_proxy_is_asked_for_the_gateway_by_name() {
    let gateway = Gateway::start();
    let proxy = Proxy::http(gateway.address(), None).await;
    let client = builder(&format!("http://{}", proxy.address())).connect().await.unwrap();
    assert_eq!(client.whoami().await.unwrap().client.name, "alice");
    let by_address = Client::builder("ws://[::1]/ws", "bob").unwrap();
    by_address.proxy(proxy.address().to_string()).connect().await.unwrap();
    assert_eq!(proxy.asked(), ["localhost:1", "[::1]:80"]);
}

#[tokio::test]
async fn a_socks_proxy_is_asked_for_the_gateway_by_name_or_by_address() {
    let gateway = Gateway::start();
    let proxy = Proxy::socks(gateway.address(), None).await;
    let client = builder(&format!("socks5h://{}", proxy.address())).connect().await.unwrap();
    assert_eq!(client.whoami().await.unwrap().client.name, "alice");
    client.close().await;
    for url in ["ws://127.0.0.2:81/ws", "ws://[::1]:82/ws"] {
        let builder = Client::builder(url, "bob").unwrap().proxy(format!("socks5://{}", proxy.address()));
        builder.connect().await.unwrap().close().await;
    }
    let named = Client::builder("ws://localhost:83/ws", "carl").unwrap();
    named.proxy(format!("socks5://{}", proxy.address())).connect().await.unwrap();
    let asked = proxy.asked();
    assert_eq!(asked[..3], ["localhost:1", "127.0.0.2:81", "::1:82"]);
    assert!(["127.0.0.1:83", "::1:83"].contains(&asked[3].as_str()), "{asked:?}");
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_gets_the_one_in_its_url() {
    let gateway = Gateway::start();
    let credentials = Some(("al@example", "open sesame"));
    let http = Proxy::http(gateway.address(), credentials).await.address();
    let socks = Proxy::socks(gateway.address(), credentials).await.address();
    for (scheme, address) in [("http", http), ("socks5h", socks)] {
        let known = builder(&format!("{scheme}://al%40example:open%20sesame@{address}"));
        known.connect().await.unwrap().close().await;
        let (error, temporary) = wrong(builder(&format!("{scheme}://al:wrong-sesame@{address}"))).await;
        assert!(matches!(error, ProxyError::Credentials { given: true }), "{error:?}");
        assert_eq!(error.to_string(), "it did not accept the user and the password");
        assert!(!temporary);
        let (error, _) = wrong(builder(&format!("{scheme}://{address}"))).await;
        assert!(matches!(error, ProxyError::Credentials { given: false }), "{error:?}");
        assert_eq!(error.to_string(), "it wants a user and a password");
        assert!(error.hint().is_some());
    }
}

/// A client of a gateway with TLS, through a proxy.
fn through(scheme: &str, proxy: &Proxy, authority: &Authority) -> ClientBuilder {
    let builder = Client::builder("wss://localhost/ws", "alice").unwrap();
    builder.root_certificate(authority.pem()).proxy(format!("{scheme}://{}", proxy.address()))
}

#[tokio::test]
async fn tls_is_the_gateways_and_not_the_proxys() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let secured = front(authority.sign(&["localhost"], Validity::Now), gateway.address()).await;
    for (scheme, proxy) in
        [("http", Proxy::http(secured, None).await), ("socks5h", Proxy::socks(secured, None).await)]
    {
        through(scheme, &proxy, &authority).connect().await.unwrap().close().await;
        assert_eq!(proxy.asked(), ["localhost:443"]);
    }
}

#[tokio::test]
async fn a_client_comes_back_through_its_proxy_and_tls() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let secured = front(authority.sign(&["localhost"], Validity::Now), gateway.address()).await;
    for (scheme, proxy) in
        [("http", Proxy::http(secured, None).await), ("socks5h", Proxy::socks(secured, None).await)]
    {
        let client = through(scheme, &proxy, &authority).connect().await.unwrap();
        let before = client.uuid();
        let resumed =
            client.wait_for(Duration::from_mins(1), |event| matches!(event, Event::Resumed(_)).then_some(()));
        proxy.cut();
        resumed.await.unwrap();
        assert_ne!(client.whoami().await.unwrap().client.uuid, before);
        assert_eq!(proxy.asked(), ["localhost:443", "localhost:443"]);
        client.close().await;
    }
}

#[tokio::test]
async fn an_attempt_that_is_dropped_on_its_way_leaves_nobody_behind() {
    let gateway = Gateway::start();
    let authority = Authority::new("ours");
    let secured = front(authority.sign(&["localhost"], Validity::Now), gateway.address()).await;
    let proxy = Proxy::socks(secured, None).await;
    let builder = through("socks5h", &proxy, &authority);
    let mut steps = 0;
    loop {
        // Polled so often and no more.
        let mut left = steps;
        let mut attempt = pin!(builder.clone().connect());
        let ended = poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            left -= 1;
            attempt.as_mut().poll(context).map(Some)
        });
        match ended.await {
            None => steps += 1,
            // One that was dropped a moment ago may still be known by that name.
            Some(Err(ConnectError::Refused { .. })) => {}
            Some(connected) => break connected.unwrap().close().await,
        }
    }
    assert!(steps > 5, "there were steps to be dropped at: {steps}");
    let observer = Client::builder(gateway.url(), "observer").unwrap().connect().await.unwrap();
    while observer.clients().await.unwrap().len() > 1 {}
}

#[tokio::test]
async fn what_an_http_proxy_refuses_is_told() {
    for (answer, status, temporary) in [
        (&b"HTTP/1.1 403 No\r\n\r\n"[..], 403, false),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, false),
        (b"HTTP/1.0 502 Bad Gateway\r\n\r\n", 502, true),
        (b"HTTP/1.1 504 Gateway Timeout\r\n\r\n", 504, true),
    ] {
        let pieces: &'static [&'static [u8]] = vec![answer].leak();
        let proxy = Proxy::that_answers(pieces).await;
        let (error, told) = wrong(builder(&format!("http://{}", proxy.address()))).await;
        assert!(matches!(error, ProxyError::Status { status: told, .. } if told == status), "{error:?}");
        assert_eq!(told, temporary, "{status}");
    }
    let proxy = Proxy::that_answers(&[b"HTTP/1.1 503 Later\r\nRetry-After: 7\r\n\r\n"]).await;
    let error = builder(&format!("http://{}", proxy.address())).connect().await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn what_a_socks_proxy_refuses_is_told() {
    for (reply, temporary) in
        [(1, true), (2, false), (3, true), (4, true), (5, true), (6, true), (7, false), (99, false)]
    {
        let answer: &'static [u8] = vec![5, reply, 0, 1, 0, 0, 0, 0, 0, 0].leak();
        let proxy = Proxy::that_answers(vec![&b"\x05\x00"[..], answer].leak()).await;
        let (error, told) = wrong(builder(&format!("socks5h://{}", proxy.address()))).await;
        assert!(matches!(error, ProxyError::Reply { reply: told } if told == reply), "{error:?}");
        assert_eq!(told, temporary, "{reply}");
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_told() {
    let endless: &'static [u8] = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 40_000]].concat().leak();
    let many: &'static [u8] =
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200)).into_bytes().leak();
    for (scheme, answer, detail) in [
        ("http", &b"SSH-2.0-OpenSSH_9.2\r\n"[..], "it does not speak HTTP/1.1"),
        ("http", b"\x05\x00", "it does not speak HTTP/1.1"),
        ("http", endless, "its answer has no end"),
        ("http", many, "its answer has too many headers"),
        ("http", b"HTTP/1.1 200 OK\r\n\r\nHello", "it sends more than its answer"),
        ("socks5h", b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak SOCKS5"),
        ("socks5h", b"\x04\x00", "it does not speak SOCKS5"),
        ("socks5h", b"\x05\x02", "it chose the method 2, which was not offered"),
        ("socks5h", b"\x05\x00\x05\x00\x00\x09", "it has an address of the kind 9"),
    ] {
        let proxy = Proxy::that_answers(vec![answer].leak()).await;
        let (error, temporary) = wrong(builder(&format!("{scheme}://{}", proxy.address()))).await;
        let ProxyError::NotAProxy { detail: told } = &error else { panic!("{scheme} {answer:?}: {error:?}") };
        assert_eq!(told, detail);
        assert!(!temporary);
        assert!(error.hint().unwrap().contains("NO_PROXY"));
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_hangs_up_or_says_nothing_may_do_better_later() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "socks5h"] {
        let (error, temporary) = wrong(builder(&format!("{scheme}://{free}"))).await;
        assert!(matches!(error, ProxyError::Unreachable { address, .. } if address == free), "{error:?}");
        assert!(temporary);
        let proxy = Proxy::that_answers(&[]).await;
        let (error, temporary) = wrong(builder(&format!("{scheme}://{}", proxy.address()))).await;
        assert!(matches!(error, ProxyError::HungUp(_)), "{error:?}");
        assert!(temporary);
        // A piece of an answer, and then nothing.
        let proxy = Proxy::that_answers(&[b"\x05"]).await;
        let proxy =
            if scheme == "http" { Proxy::that_answers(&[b"HTTP/1.1 200 OK\r\n"]).await } else { proxy };
        let builder = builder(&format!("{scheme}://{}", proxy.address()));
        let error = builder.connect_timeout(Duration::from_millis(200)).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout { stage: Stage::Proxy, .. }), "{error:?}");
        assert_eq!(error.to_string(), "the proxy did not answer within 0.2 s");
        assert!(error.is_temporary());
    }
}

#[tokio::test]
async fn what_is_no_url_of_a_proxy_is_told_before_anything_is_tried() {
    for url in ["", "https://h", "socks4://h", "http://al:sesame@h:99999"] {
        let error = builder(url).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Build(BuildError::Proxy { .. })), "{error:?}");
        assert!(
            error.to_string().starts_with("what was given as a proxy is not the URL of a proxy: "),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("sesame"));
        assert!(error.hint().is_some());
    }
}

/// How the command ends with these variables set, and what it says.
async fn whoami(url: &str, variables: &[(&str, String)]) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("concierge").unwrap());
    command.args(["--url", url, "whoami"]).env("HOME", home.path()).stdin(std::process::Stdio::null());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command.envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_environment_names_the_proxy() {
    let gateway = Gateway::start();
    let http = Proxy::http(gateway.address(), Some(("al", "sesame"))).await;
    let socks = Proxy::socks(gateway.address(), None).await;
    let by_http = format!("http://al:sesame@{}", http.address());
    let by_socks = format!("socks5h://{}", socks.address());
    let url = "ws://gateway.invalid/ws";

    // The gateway behind the proxy does not want to be called that: enough to see that it was reached.
    let variables = [("HTTP_PROXY", by_http.clone()), ("all_proxy", by_socks.clone())];
    let (code, said) = whoami(url, &variables).await;
    assert!(code == Some(3) && said.contains("421"), "{said}");
    assert_eq!((http.asked(), socks.asked()), (vec!["gateway.invalid:80".to_owned()], vec![]));

    let variables = [("HTTPS_PROXY", by_http.clone()), ("all_proxy", by_socks.clone())];
    let (code, said) = whoami(url, &variables).await;
    assert!(code == Some(3) && said.contains("421"), "{said}");
    assert_eq!((http.asked().len(), socks.asked()), (1, vec!["gateway.invalid:80".to_owned()]));

    // This machine is connected to directly.
    let (code, said) = whoami(&gateway.url(), &[("HTTP_PROXY", by_http.clone())]).await;
    assert_eq!((code, http.asked().len()), (Some(0), 1), "{said}");

    let (code, said) = whoami(url, &[("HTTP_PROXY", "ftp://al:sesame@h".to_owned())]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("HTTP_PROXY is not the URL of a proxy") && !said.contains("sesame"), "{said}");

    let wrong = format!("http://al:wrong-sesame@{}", http.address());
    let (code, said) = whoami(url, &[("http_proxy", wrong)]).await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("did not accept the user and the password") && !said.contains("sesame"), "{said}");
}
