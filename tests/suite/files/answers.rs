//! What each request is answered: statuses, headers, ranges, conditions, limits.

use support::raw::{Handshake, RawSocket};

use super::{Member, ask, form, gateway, until};

fn error(body: &[u8]) -> String {
    let error: serde_json::Value = serde_json::from_slice(body).unwrap();
    error["error"].as_str().unwrap().to_owned()
}

#[test]
fn a_file_is_stored_replaced_fetched_and_deleted() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    let stored = alice.ask("PUT", "maps/north%20pole", &[], b"one");
    assert_eq!((stored.status, stored.header("location")), (201, Some("/fs/alice/maps/north%20pole")));
    let digest = "sha-256=:dpLDrTVAu4A8Ags67mbNiIcSMjTqDG5xQ8Ct1z/0Me0=:";
    assert_eq!(stored.header("repr-digest"), Some(digest));
    assert_eq!((alice.put("maps/north%20pole", b"two"), alice.put("empty", b"")), (204, 201));
    let fetched = alice.get("maps/north%20pole");
    assert_eq!((fetched.status, fetched.text().as_str()), (200, "two"));
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename*=UTF-8''north%20pole"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox"),
        ("cache-control", "private, no-cache"),
        ("accept-ranges", "bytes"),
        ("repr-digest", "sha-256=:P8TM/nRYcOLA2Z9x8w/wZWyN7dQcwdfT03aw2+aF4vM=:"),
    ] {
        assert_eq!(fetched.header(name), Some(value), "{name}");
    }
    assert_eq!(alice.paths(), ["empty", "maps/north pole"]);
    let head = alice.ask("HEAD", "maps/north%20pole", &[], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("3")));
    assert_eq!(alice.ask("DELETE", "maps/north%20pole", &[], b"").status, 200);
    assert_eq!(alice.ask("DELETE", "maps/north%20pole", &[], b"").status, 404);
    assert_eq!(alice.get("maps/north%20pole").status, 404);
    assert_eq!(alice.put("maps/south", b"x"), 201);
    for method in ["GET", "PUT", "DELETE"] {
        let answer = alice.ask(method, "maps", &[], b"");
        assert_eq!((answer.status, error(&answer.body).as_str()), (409, "folder"), "{method}");
    }
    assert_eq!(alice.ask("DELETE", "maps/south", &[], b"").status, 200);
    assert_eq!(
        alice.ask("DELETE", "maps", &[], b"").status,
        404,
        "a folder goes with the last that is in it"
    );
    assert_eq!((alice.get("empty").body.len(), alice.get("empty").status), (0, 200));
}

#[test]
fn a_list_tells_size_fingerprint_and_time() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"two"), 201);
    let list: serde_json::Value = serde_json::from_slice(&alice.get("").body).unwrap();
    let entry = &list[0];
    assert_eq!((entry["path"].as_str(), entry["size"].as_u64()), (Some("file"), Some(3)));
    let sha256 = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";
    assert_eq!(entry["sha256"].as_str(), Some(sha256));
    assert_eq!(entry["etag"].as_str(), alice.get("file").header("etag"));
    assert!(entry["modified"].as_u64().unwrap() > 1_700_000_000);
}

#[test]
fn a_part_is_served_and_what_is_known_is_not_sent_again() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"0123456789"), 201);
    let whole = alice.get("file");
    let (etag, modified) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
    let (known, if_range) = (format!("If-None-Match: \"x\", {etag}"), format!("If-Range: {etag}"));
    let (since, if_range_date) = (format!("If-Modified-Since: {modified}"), format!("If-Range: {modified}"));
    for (headers, status, body, range) in [
        (vec!["Range: bytes=2-4"], 206, "234", Some("bytes 2-4/10")),
        (vec!["Range: bytes=7-"], 206, "789", Some("bytes 7-9/10")),
        (vec!["Range: bytes=-2"], 206, "89", Some("bytes 8-9/10")),
        (vec!["Range: bytes=5-99"], 206, "56789", Some("bytes 5-9/10")),
        (vec!["Range: bytes=2-4", &if_range], 206, "234", Some("bytes 2-4/10")),
        (vec!["Range: bytes=2-4", "If-Range: \"other\""], 200, "0123456789", None),
        (vec!["Range: bytes=2-4", &if_range_date], 200, "0123456789", None),
        (vec!["Range: bytes=-99"], 206, "0123456789", Some("bytes 0-9/10")),
        (vec!["Range: bytes=0-5,2-7"], 200, "0123456789", None),
        (vec!["Range: bytes=0-1,4-5"], 200, "0123456789", None),
        (vec!["Range: lines=1-2"], 200, "0123456789", None),
        (vec![known.as_str()], 304, "", None),
        (vec!["If-None-Match: *"], 304, "", None),
        (vec!["If-None-Match: \"other\""], 200, "0123456789", None),
        (vec![since.as_str()], 304, "", None),
        (vec!["If-None-Match: \"other\"", since.as_str()], 200, "0123456789", None),
        (vec!["If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"], 200, "0123456789", None),
    ] {
        // What has no body says so by itself.
        let method = if status == 304 { "HEAD" } else { "GET" };
        let answer = alice.ask(method, "file", &headers, b"");
        assert_eq!(
            (answer.status, answer.text().as_str(), answer.header("content-range")),
            (status, body, range),
            "{headers:?}"
        );
    }
    let beyond = alice.ask("GET", "file", &["Range: bytes=10-"], b"");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
    let head = alice.ask("HEAD", "file", &["Range: bytes=2-4"], b"");
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
    assert_eq!(alice.put("empty", b""), 201);
    let empty = alice.ask("GET", "empty", &["Range: bytes=0-"], b"");
    assert_eq!((empty.status, empty.header("content-length")), (200, Some("0")));
}

#[test]
fn forms_bring_one_file_or_several() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    let post = |path: &str, parts: &[(Option<&str>, &[u8])]| {
        let (kind, body) = form(parts);
        let answer = alice.ask("POST", path, &[&kind], &body);
        (answer.status, if answer.status < 400 { String::new() } else { error(&answer.body) })
    };
    let done = (201, String::new());
    assert_eq!(post("one", &[(Some("x"), b"ab"), (None, b"cd"), (Some("x"), b"ef")]), done);
    assert_eq!(alice.get("one").text(), "abcdef");
    assert_eq!(post("one", &[(Some("x"), b"1"), (Some("y"), b"2")]), (412, "several_files".to_owned()));
    assert_eq!(alice.get("one").text(), "abcdef");
    assert_eq!(post("", &[(Some("a"), b"1"), (Some("d/b"), b"2"), (Some("a"), b"3")]), done);
    assert_eq!((alice.get("a").text(), alice.get("d/b").text()), ("13".to_owned(), "2".to_owned()));
    assert_eq!(post("", &[(Some("z"), b"1"), (None, b"2")]), (428, "no_file_name".to_owned()));
    assert_eq!(post("", &[(Some("z"), b"1"), (Some("../x"), b"2")]), (400, "bad_path".to_owned()));
    assert_eq!(post("", &[(Some("z"), b"1"), (Some("z/x"), b"2")]), (409, "folder".to_owned()));
    assert_eq!(alice.paths(), ["a", "d/b", "one"], "nothing of a form that is refused is stored");
}

#[test]
fn a_broken_form_is_told_from_a_broken_connection() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    let kind = "Content-Type: multipart/form-data; boundary=b";
    for body in [
        &b""[..],
        b"nothing of a form",
        b"--b\r\n\r\nno end",
        b"--b--\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n",
    ] {
        let answer = alice.ask("POST", "file", &[kind], body);
        assert_eq!((answer.status, error(&answer.body).as_str()), (422, "broken_form"), "{body:?}");
    }
    let endless = [b"--b\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    let answer = alice.ask("POST", "file", &[kind], &endless);
    assert_eq!(answer.status, 422, "{}", answer.text());
    for kind in ["", ";", "; boundary", "; boundary=\"b", "; boundary=\u{e9}", "; boundary=b; boundary"] {
        let kind = format!("Content-Type: Multipart/Form-Data{kind}");
        let answer = alice.ask("POST", "file", &[&kind], b"--b--\r\n");
        assert_eq!((answer.status, error(&answer.body).as_str()), (422, "broken_form"), "{kind}");
    }
    assert!(alice.paths().is_empty());
    // What is put is a file, whatever it is called.
    assert_eq!(alice.ask("PUT", "file", &["Content-Type: multipart/form-data"], b"x").status, 201);
}

#[test]
fn limits_are_told_by_status_and_nothing_of_what_is_refused_stays() {
    let gateway = gateway(
        "files = { file_bytes = 1000, client_bytes = 2500, client_files = 3, total_bytes = 4000, body_timeout = \"200ms\" }",
    );
    let (alice, bob) = (Member::join(gateway.address(), "alice"), Member::join(gateway.address(), "bob"));
    let put = |member: &Member, path: &str, size: usize| {
        let answer = member.ask("PUT", path, &[], &vec![b'x'; size]);
        (answer.status, if answer.status < 400 { String::new() } else { error(&answer.body) })
    };
    assert_eq!(put(&alice, "a", 1001), (413, "file_too_large".to_owned()));
    assert_eq!((put(&alice, "a", 1000).0, put(&alice, "b", 1000).0), (201, 201));
    assert_eq!(put(&alice, "c", 501), (507, "folder_full".to_owned()));
    assert_eq!(put(&alice, "c", 500).0, 201);
    assert_eq!(put(&alice, "d", 0), (507, "folder_full".to_owned()));
    assert_eq!(put(&bob, "a", 1000).0, 201);
    assert_eq!(put(&bob, "b", 501), (507, "store_full".to_owned()));
    assert_eq!(put(&alice, &["x".repeat(200).as_str(); 6].join("/"), 1), (414, "path_too_long".to_owned()));
    assert_eq!(put(&alice, "a/b", 1), (409, "folder".to_owned()));
    // Chunked: nothing is announced, and what is too much is noticed on the way.
    let mut socket = RawSocket::open(gateway.address()).unwrap();
    let request = Handshake::request("PUT", "/fs/bob/big", &gateway.address().to_string())
        .with(&format!("x-fs-key: {}", bob.key))
        .with("Transfer-Encoding: chunked");
    socket.send_bytes(request.text().as_bytes()).unwrap();
    socket.send_bytes(format!("7D0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000)).as_bytes()).unwrap();
    assert_eq!(socket.read_response().unwrap().status, 413);
    // And who brings nothing any more is not waited for.
    let mut socket = RawSocket::open(gateway.address()).unwrap();
    let request = Handshake::request("PUT", "/fs/bob/slow", &gateway.address().to_string())
        .with(&format!("x-fs-key: {}", bob.key))
        .with("Content-Length: 10");
    socket.send_bytes(request.text().as_bytes()).unwrap();
    socket.send_bytes(b"x").unwrap();
    let answer = socket.read_response().unwrap();
    assert_eq!((answer.status, error(&answer.body).as_str()), (408, "too_slow"));
    assert_eq!((bob.paths(), put(&bob, "b", 500).0), (vec!["a".to_owned()], 201));
}

#[test]
fn a_part_of_a_file_and_an_encoded_one_do_not_take_the_place_of_the_whole() {
    let gateway = gateway("");
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"0123456789"), 201);
    let (kind, form) = form(&[(Some("file"), b"56789")]);
    let range = "Content-Range: bytes 5-9/10";
    for (method, path, headers, body) in [
        ("PUT", "file", vec![range], &b"56789"[..]),
        ("POST", "file", vec![range, &kind], &form),
        ("POST", "", vec![range, &kind], &form),
    ] {
        let answer = alice.ask(method, path, &headers, body);
        assert_eq!((answer.status, error(&answer.body).as_str()), (400, "partial"), "{method} {path}");
    }
    for coding in ["gzip, chunked", "chunked, chunked"] {
        let mut socket = RawSocket::open(gateway.address()).unwrap();
        let request = Handshake::request("PUT", "/fs/alice/file", &gateway.address().to_string())
            .with(&format!("x-fs-key: {}", alice.key))
            .with(&format!("Transfer-Encoding: {coding}"));
        socket.send_bytes(request.text().as_bytes()).unwrap();
        socket.send_bytes(b"5\r\n56789\r\n0\r\n\r\n").unwrap();
        let answer = socket.read_response().unwrap();
        assert_eq!((answer.status, error(&answer.body).as_str()), (501, "transfer_coding"), "{coding}");
    }
    assert_eq!(alice.get("file").text(), "0123456789");
}

#[test]
fn so_many_uploads_at_once_and_no_more() {
    let gateway = gateway("files.client_uploads = 2");
    let alice = Member::join(gateway.address(), "alice");
    let begun: Vec<_> = (0..2)
        .map(|number| {
            let mut socket = RawSocket::open(gateway.address()).unwrap();
            let request =
                Handshake::request("PUT", &format!("/fs/alice/{number}"), &gateway.address().to_string())
                    .with(&format!("x-fs-key: {}", alice.key))
                    .with("Expect: 100-continue")
                    .with("Content-Length: 10");
            socket.send_bytes(request.text().as_bytes()).unwrap();
            // The gateway wants the body: the upload has begun.
            assert_eq!(socket.read_head().unwrap().status, 100);
            socket
        })
        .collect();
    let answer = alice.ask("PUT", "third", &[], b"x");
    assert_eq!((answer.status, error(&answer.body).as_str()), (429, "too_many_uploads"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    drop(begun);
    until("there is room for an upload", || alice.put("third", b"x") != 429);
}

#[test]
fn a_page_is_answered_by_its_origin_errors_too() {
    let gateway = gateway("allowed_origins = [\"https://app.example\"]");
    let alice = Member::join(gateway.address(), "alice");
    assert_eq!(alice.put("file", b"x"), 201);
    let origin = "Origin: https://app.example";
    for (method, path, status) in
        [("GET", "file", 200), ("GET", "nothing", 404), ("OPTIONS", "file", 204), ("PATCH", "file", 405)]
    {
        let answer = alice.ask(method, path, &[origin], b"");
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some("https://app.example"),
            "{method} {path}"
        );
        assert_eq!(answer.header("vary"), Some("Origin"), "{method} {path}");
    }
    let preflight = ask(gateway.address(), "OPTIONS", "/fs/alice/file", &[origin], b"");
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD, PUT, POST, DELETE"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-fs-key, content-type, range"));
    let foreign = alice.ask("GET", "file", &["Origin: https://evil.example"], b"");
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (403, None));
    assert_eq!(alice.get("file").header("access-control-allow-origin"), None);
}
