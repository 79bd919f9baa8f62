//! Files going to a server and coming back, over plain HTTP: as fast as one client can, and many at once.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::raw::RawSocket;

/// How long a test waits for a byte.
const PATIENCE: Duration = Duration::from_mins(1);

/// Somewhere to put files and to get them back.
#[derive(Debug, Clone)]
pub struct Store {
    /// Where it listens.
    pub address: SocketAddr,
    /// The folder, with slashes around it.
    pub folder: String,
    /// What is sent with each request, each line with its end.
    pub headers: String,
}

impl Store {
    /// The folder of a client with a secret key, at a gateway. It is there as long as the client is.
    ///
    /// # Errors
    ///
    /// When the gateway does not let the client in, or tells it no key.
    pub fn of_gateway(address: SocketAddr, client: &str) -> Result<(Self, RawSocket)> {
        let mut owner = RawSocket::upgraded(address)?;
        owner.send_text(&format!(
            r#"{{"type":"IDENTIFY","name":"{client}","version":"0.2.0","features":["fs_key"],"intents":[]}}"#
        ))?;
        let hello: serde_json::Value = serde_json::from_str(&owner.read_text()?)?;
        let key = hello.get("fs_key").and_then(|key| key.as_str()).context("there is no key in HELLO")?;
        let headers = format!("x-fs-key: {key}\r\n");
        Ok((Self { address, folder: format!("/fs/{client}/"), headers }, owner))
    }

    /// Stores a file. Returns how long that took.
    ///
    /// # Errors
    ///
    /// When it is refused, or does not go on.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<Duration> {
        let start = Instant::now();
        let mut stream = self.ask("PUT", name, &format!("Content-Length: {}\r\n", content.len()))?;
        stream.write_all(content)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        ensure!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer));
        Ok(start.elapsed())
    }

    /// Fetches a file, which must have this size. Returns how long that took.
    ///
    /// # Errors
    ///
    /// When it is refused, does not go on, or has another size.
    pub fn get(&self, name: &str, size: usize) -> Result<Duration> {
        let start = Instant::now();
        let mut stream = self.ask("GET", name, "")?;
        let mut buffer = vec![0; 1 << 20];
        let (mut read, mut head) = (0, None);
        loop {
            let more = stream.read(&mut buffer)?;
            if more == 0 {
                break;
            }
            let received = buffer.get(..more).unwrap_or_default();
            if head.is_none() {
                ensure!(received.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(received));
                let end = received.windows(4).position(|window| window == b"\r\n\r\n");
                head = Some(end.context("the head comes in pieces")? + 4);
            }
            read += more;
        }
        ensure!(read - head.unwrap_or_default() == size, "{name} has {read} bytes with its head");
        Ok(start.elapsed())
    }

    /// So many transfers at the same time, every other one of the file `file`, which must be there with this content.
    ///
    /// # Errors
    ///
    /// The first one of them.
    pub fn crowd(&self, transfers: usize, content: &[u8]) -> Result<()> {
        std::thread::scope(|scope| {
            let transfer = |number: usize| {
                scope.spawn(move || match number % 2 {
                    0 => self.get("file", content.len()),
                    _ => self.put(&format!("file-{number}"), content),
                })
            };
            let all: Vec<_> = (0..transfers).map(transfer).collect();
            all.into_iter().try_for_each(|transfer| {
                transfer.join().map_err(|_| anyhow::anyhow!("a transfer panicked"))?.map(drop)
            })
        })
    }

    fn ask(&self, method: &str, name: &str, more: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (folder, address, headers) = (&self.folder, self.address, &self.headers);
        let head = format!(
            "{method} {folder}{name} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}{more}\r\n"
        );
        stream.write_all(head.as_bytes())?;
        Ok(stream)
    }
}
