//! Proxies for one test: they write down what they are asked for, and bring everyone to the same gateway.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What a proxy was asked for, in order: `host:port` of each.
pub type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy on a free port of the loopback address. It lives as long as the runtime.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: SocketAddr,
    asked: Asked,
    cut: Arc<Notify>,
}

/// A user and a password.
pub type Credentials = Option<(&'static str, &'static str)>;

impl Proxy {
    /// An HTTP proxy that connects everyone to this gateway, if they know the password.
    pub async fn http(gateway: SocketAddr, credentials: Credentials) -> Self {
        Self::start(move |mut stream, asked| async move {
            let head = read_head(&mut stream).await?;
            let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
            note(&asked, target);
            let wanted = credentials.map(|(user, password)| {
                format!("\r\nProxy-Authorization: Basic {}\r\n", base64(&format!("{user}:{password}")))
            });
            if wanted.is_some_and(|wanted| !head.contains(&wanted)) {
                return stream.write_all(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n").await;
            }
            stream.write_all(b"HTTP/1.1 200 Connected\r\nVia: x\r\n\r\n").await?;
            tunnel(stream, gateway).await
        })
        .await
    }

    /// A SOCKS5 proxy that connects everyone to this gateway, if they know the password.
    pub async fn socks(gateway: SocketAddr, credentials: Credentials) -> Self {
        Self::start(move |mut stream, asked| async move {
            let [_version, methods] = exactly(&mut stream).await?;
            let mut offered = vec![0; usize::from(methods)];
            stream.read_exact(&mut offered).await?;
            let chosen = if credentials.is_some() { 2 } else { 0 };
            if !offered.contains(&chosen) {
                return stream.write_all(&[5, 0xFF]).await;
            }
            stream.write_all(&[5, chosen]).await?;
            if let Some((user, password)) = credentials {
                let [_version] = exactly(&mut stream).await?;
                let given = (counted(&mut stream).await?, counted(&mut stream).await?);
                let known = given == (user.as_bytes().to_vec(), password.as_bytes().to_vec());
                stream.write_all(&[1, u8::from(!known)]).await?;
                if !known {
                    return Ok(());
                }
            }
            let [_version, _command, _reserved, kind] = exactly(&mut stream).await?;
            let host = match kind {
                1 => exactly::<4>(&mut stream)
                    .await
                    .map(|octets| std::net::IpAddr::from(octets).to_string())?,
                4 => exactly::<16>(&mut stream)
                    .await
                    .map(|octets| std::net::IpAddr::from(octets).to_string())?,
                _ => String::from_utf8_lossy(&counted(&mut stream).await?).into_owned(),
            };
            let port = u16::from_be_bytes(exactly(&mut stream).await?);
            note(&asked, format!("{host}:{port}"));
            // It tells a name as where it connects from, which has to be skipped.
            stream.write_all(&[5, 0, 0, 3, 2, b'm', b'e', 0, 80]).await?;
            tunnel(stream, gateway).await
        })
        .await
    }

    /// Something that answers whatever it is sent with this, piece by piece, and then keeps silent; without a piece it
    /// hangs up at once.
    pub async fn that_answers(pieces: &'static [&'static [u8]]) -> Self {
        Self::start(move |mut stream, _asked| async move {
            let mut sent = [0; 4096];
            for piece in pieces {
                if stream.read(&mut sent).await? == 0 {
                    return Ok(());
                }
                stream.write_all(piece).await?;
            }
            if !pieces.is_empty() {
                while stream.read(&mut sent).await? > 0 {}
            }
            Ok(())
        })
        .await
    }

    async fn start<A>(serve: impl Fn(TcpStream, Asked) -> A + Send + 'static) -> Self
    where
        A: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it listens");
        let (asked, cut) = (Asked::default(), Arc::new(Notify::new()));
        let (noted, cutting) = (Arc::clone(&asked), Arc::clone(&cut));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, cutting) = (serve(stream, Arc::clone(&noted)), Arc::clone(&cutting));
                tokio::spawn(async move {
                    tokio::select! {
                        // A client that hangs up has its reasons.
                        _ended = served => {}
                        () = cutting.notified() => {}
                    }
                });
            }
        });
        Self { address, asked, cut }
    }

    /// Breaks every connection through it.
    pub fn cut(&self) {
        self.cut.notify_waiters();
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was asked for, in order: `host:port` of each.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn note(asked: &Asked, target: String) {
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(target);
}

async fn tunnel(mut stream: TcpStream, gateway: SocketAddr) -> io::Result<()> {
    let mut gateway = TcpStream::connect(gateway).await?;
    copy_bidirectional(&mut stream, &mut gateway).await.map(drop)
}

async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn exactly<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Bytes behind a byte that says how many.
async fn counted(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Base64, written by hand: what is tested is not to check itself.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) as usize & 63;
            let letter = ALPHABET.get(index).copied().unwrap_or_default();
            encoded.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    encoded
}
