//! What stands before a gateway and does to transfers what networks and strangers do: breaks them off, holds them up, and answers in
//! the gateway's place.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

/// What becomes of a connection that begins with certain words.
pub(crate) enum Deed {
    /// The gateway is not asked.
    Answer(String),
    /// So many bytes of the gateway's answer come through, the first so many times; then it goes well.
    Break { after: usize, times: usize },
    /// So many bytes of the gateway's answer come through, and then no more.
    Stall { after: usize },
}

/// A place before a gateway, which connections go through.
pub(crate) struct Front {
    pub(crate) url: String,
    /// Tells each time that a deed was done.
    pub(crate) done: Receiver<()>,
}

struct Way {
    gateway: String,
    deeds: Vec<(String, Deed)>,
    broken: AtomicUsize,
    done: Sender<()>,
}

impl Front {
    /// Before this gateway: a connection is treated by the first of these words that its request line begins with.
    pub(crate) fn before(gateway: &str, deeds: Vec<(&str, Deed)>) -> Self {
        let gateway = gateway.trim_start_matches("ws://").trim_end_matches("/ws").to_owned();
        let deeds = deeds.into_iter().map(|(words, deed)| (words.to_owned(), deed)).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/ws", listener.local_addr().unwrap());
        let (sender, done) = channel();
        let way = Arc::new(Way { gateway, deeds, broken: AtomicUsize::new(0), done: sender });
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let way = Arc::clone(&way);
                // Either side may go at any time.
                thread::spawn(move || drop(way.treat(stream)));
            }
        });
        Self { url, done }
    }
}

impl Way {
    fn treat(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut head = vec![0; 16 * 1024];
        let length = client.read(&mut head)?;
        head.truncate(length);
        let line = String::from_utf8_lossy(&head).into_owned();
        let deed = self.deeds.iter().find(|(words, _)| line.starts_with(words)).map(|(_, deed)| deed);
        if let Some(Deed::Answer(answer)) = deed {
            client.write_all(answer.as_bytes())?;
            // It tells when it may go: until then it reads.
            std::io::copy(&mut client, &mut std::io::sink())?;
            return Ok(());
        }
        let mut gateway = TcpStream::connect(&self.gateway)?;
        gateway.write_all(&head)?;
        let (mut from, mut to) = (client.try_clone()?, gateway.try_clone()?);
        thread::spawn(move || {
            let _gone = std::io::copy(&mut from, &mut to);
            let _gone = to.shutdown(Shutdown::Write);
        });
        match deed {
            Some(Deed::Break { after, times }) if self.broken.fetch_add(1, Ordering::AcqRel) < *times => {
                std::io::copy(&mut gateway.take(*after as u64), &mut client)?;
                client.shutdown(Shutdown::Both)?;
                let _nobody_waits = self.done.send(());
            }
            Some(Deed::Stall { after }) => {
                std::io::copy(&mut (&gateway).take(*after as u64), &mut client)?;
                let _nobody_waits = self.done.send(());
                // For as long as the client waits.
                let _gone = client.read(&mut [0]);
            }
            _ => {
                std::io::copy(&mut gateway, &mut client)?;
                client.shutdown(Shutdown::Write)?;
            }
        }
        Ok(())
    }
}

/// An answer to an HTTP request.
pub(crate) fn http(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}
