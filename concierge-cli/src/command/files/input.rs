//! The input of the program as a stream of bytes. A thread reads: it may wait for somebody at a keyboard.

use std::io::{self, BufRead, Read};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::mpsc;

/// How much is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// What comes in, as it comes. The thread ends with the input, or when nobody wants more of it.
pub(super) fn pieces(mut input: Box<dyn BufRead + Send>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let (sender, incoming) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match input.read(&mut piece) {
                Ok(0) => return,
                Ok(count) => Ok(Bytes::copy_from_slice(piece.get(..count).unwrap_or_default())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.blocking_send(read).is_err() || failed {
                return;
            }
        }
    });
    stream::unfold(incoming, async |mut incoming| incoming.recv().await.map(|piece| (piece, incoming)))
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, TryStreamExt};

    use super::*;

    #[tokio::test]
    async fn everything_comes_in_order() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let input = Box::new(io::Cursor::new(text.clone()));
        let read: Vec<Bytes> = pieces(input).try_collect().await.unwrap();
        assert!(read.len() > 1);
        assert_eq!(read.concat(), text);
        assert!(pieces(Box::new(io::empty())).boxed().next().await.is_none());
    }
}
