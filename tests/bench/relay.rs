//! The least that a gateway over tokio-tungstenite could do: a frame of one side of a room goes to everybody on the other side,
//! unseen. No names, no limits, no answers, no end to what waits for who does not read: it is there to be compared with.
//!
//! The path tells the room and the side: `/7/left`, `/7/right`, or `/7/both` for one that hears itself.

#![expect(clippy::print_stdout, reason = "the first line tells where it listens")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// How many frames are written before the socket is flushed.
const FRAMES_IN_A_ROW: usize = 256;

type Rooms = Mutex<HashMap<String, Arc<Room>>>;

/// Who is on each side of it.
#[derive(Debug, Default)]
struct Room {
    left: Mutex<Vec<UnboundedSender<Message>>>,
    right: Mutex<Vec<UnboundedSender<Message>>>,
}

/// Where a connection stands.
struct Place {
    room: Arc<Room>,
    is_left: bool,
    is_right: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let rooms = Arc::new(Rooms::default());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&rooms)));
        }
    })
    .await
    .context("it does not accept any more")
}

async fn serve(stream: TcpStream, rooms: Arc<Rooms>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the error is tungstenite's")]
    let note_path = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(&mut path);
        Ok(response)
    };
    let socket = accept_hdr_async(stream, note_path).await?;
    let place = Place::of(&path, &rooms).context("the path tells no place")?;
    let (outbox, waiting) = unbounded_channel();
    place.take(&outbox);
    let (sink, mut frames) = socket.split();
    let writer = tokio::spawn(write(sink, waiting));
    while let Some(Ok(frame)) = frames.next().await {
        if frame.is_text() || frame.is_binary() {
            place.pass_on(&frame);
        }
    }
    writer.abort();
    Ok(())
}

/// Writes whatever waits, and flushes when nothing does.
async fn write(
    mut sink: futures_util::stream::SplitSink<WebSocketStream<TcpStream>, Message>,
    mut waiting: UnboundedReceiver<Message>,
) -> Result<()> {
    let mut frames = Vec::with_capacity(FRAMES_IN_A_ROW);
    while waiting.recv_many(&mut frames, FRAMES_IN_A_ROW).await > 0 {
        for frame in frames.drain(..) {
            sink.feed(frame).await?;
        }
        sink.flush().await?;
    }
    Ok(())
}

impl Place {
    fn of(path: &str, rooms: &Rooms) -> Option<Self> {
        let (room, side) = path.strip_prefix('/')?.split_once('/')?;
        let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
        let room = Arc::clone(rooms.entry(room.to_owned()).or_default());
        Some(Self { room, is_left: side != "right", is_right: side != "left" })
    }

    fn take(&self, outbox: &UnboundedSender<Message>) {
        for (is_there, side) in [(self.is_left, &self.room.left), (self.is_right, &self.room.right)] {
            if is_there {
                side.lock().unwrap_or_else(PoisonError::into_inner).push(outbox.clone());
            }
        }
    }

    fn pass_on(&self, frame: &Message) {
        let other = if self.is_left { &self.room.right } else { &self.room.left };
        // Whoever has gone takes nothing, and is forgotten.
        other
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|outbox| outbox.send(frame.clone()).is_ok());
    }
}
