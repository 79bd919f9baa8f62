//! Pages in a browser against the file store: one of an origin that is allowed, and one that is not.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use support::browser::chromium;

use super::{Member, gateway};

/// A server of one page, and what that reports.
struct Site {
    origin: String,
    listener: TcpListener,
}

impl Site {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // A page that this machine serves under its own name is always allowed.
        let origin = format!("http://elsewhere.example:{}", listener.local_addr().unwrap().port());
        Self { origin, listener }
    }

    /// Serves a page until it reports.
    fn serve(self, page: String) -> Receiver<String> {
        let (told, report) = channel();
        std::thread::spawn(move || {
            for stream in self.listener.incoming().map_while(Result::ok) {
                // A browser opens connections that it may not use: none holds up the others.
                let (page, told) = (page.clone(), told.clone());
                std::thread::spawn(move || answer(stream, &page, &told));
            }
        });
        report
    }
}

/// Answers one request: the page, or thanks for a report.
fn answer(mut stream: TcpStream, page: &str, told: &Sender<String>) -> Option<()> {
    let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        received.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            break (head.to_owned(), body.to_owned());
        }
    };
    let text = match head.split(' ').nth(1)? {
        "/" => page,
        "/report" => {
            told.send(body).ok()?;
            ""
        }
        _ => "",
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all((head + text).as_bytes()).ok()
}

/// A browser at a page, for as long as this is there.
struct Browser(Child);

impl Browser {
    /// None where there is no browser.
    fn open(url: &str, profile: &std::path::Path) -> Option<Self> {
        let mut command = chromium()?;
        command.arg("--host-resolver-rules=MAP elsewhere.example 127.0.0.1");
        command.arg(format!("--user-data-dir={}", profile.display())).arg(url).env("HOME", profile);
        let opened = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Some(Self(opened.expect("Chromium starts")))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// What a page reports, in the end.
fn visit(site: Site, page: String) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let url = format!("{}/", site.origin);
    let report = site.serve(page);
    let _browser = Browser::open(&url, profile.path())?;
    Some(report.recv_timeout(Duration::from_mins(1)).expect("the page reports"))
}

#[test]
#[ignore = "needs Chromium, which tests/run installs"]
fn a_page_of_an_allowed_origin_shares_files() {
    let site = Site::new();
    let gateway = gateway(&format!("allowed_origins = [\"{}\"]", site.origin));
    let page =
        include_str!("../../peers/browser/page.html").replace("GATEWAY", &gateway.address().to_string());
    if let Some(report) = visit(site, page) {
        assert_eq!(report, "done");
    }
}

#[test]
#[ignore = "needs Chromium, which tests/run installs"]
fn a_page_of_another_origin_can_do_nothing_even_with_a_key() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"content"), 201);
    let page = include_str!("../../peers/browser/foreign.html");
    let page = page.replace("GATEWAY", &gateway.address().to_string()).replace("KEY", &alice.key);
    if let Some(report) = visit(Site::new(), page) {
        assert_eq!(report, "done");
        assert_eq!(alice.get("file").body, b"content");
    }
}
