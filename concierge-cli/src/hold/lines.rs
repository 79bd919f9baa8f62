//! Lines of a socket, each with a bound, read so that nothing is lost when the reading is given up in the middle.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader};

/// The lines that come from somewhere.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: BufReader<R>,
    begun: Vec<u8>,
    limit: usize,
}

/// Why there is no next line.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoLine {
    /// It goes on for too long.
    #[error("a line has at most {limit} bytes")]
    TooLong {
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// It is not text.
    #[error("a line is not UTF-8")]
    NotUtf8,
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most this many bytes.
    pub(super) fn new(from: R, limit: usize) -> Self {
        Self { from: BufReader::new(from), begun: Vec::new(), limit }
    }

    /// Waits for the next line, and gives it without its end; none when no more will come. What follows the last line end is no
    /// line: whoever wrote it did not finish. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<String>, NoLine> {
        loop {
            let available = self.from.fill_buf().await?;
            if available.is_empty() {
                return Ok(None);
            }
            let (taken, complete) = match available.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (available.len(), false),
            };
            self.begun.extend(available.iter().take(taken));
            AsyncBufRead::consume(std::pin::Pin::new(&mut self.from), taken);
            if self.begun.len() > self.limit + usize::from(complete) {
                return Err(NoLine::TooLong { limit: self.limit });
            }
            if complete {
                let mut line = std::mem::take(&mut self.begun);
                line.pop();
                return String::from_utf8(line).map(Some).map_err(|_| NoLine::NotUtf8);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn a_line_that_came_in_pieces_is_whole_though_nobody_waited_for_all_of_it() {
        let (mut writer, reader) = tokio::io::duplex(64);
        let mut lines = Lines::new(reader, 64);
        writer.write_all(b"one\ntw").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "one");
        tokio::select! {
            biased;
            _ = lines.next() => panic!("it is not complete"),
            () = tokio::task::yield_now() => {}
        }
        writer.write_all(b"o\nunfinished").await.unwrap();
        drop(writer);
        assert_eq!(lines.next().await.unwrap().unwrap(), "two");
        assert!(lines.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_line_has_a_bound() {
        let mut exact = Lines::new(&b"1234\n"[..], 4);
        assert_eq!(exact.next().await.unwrap().unwrap(), "1234");
        for longer in [&b"12345\n"[..], b"12345"] {
            assert!(matches!(Lines::new(longer, 4).next().await, Err(NoLine::TooLong { limit: 4 })));
        }
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_told() {
        assert!(matches!(Lines::new(&b"\xff\n"[..], 4).next().await, Err(NoLine::NotUtf8)));
    }
}
