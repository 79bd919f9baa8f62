//! The checksum of what passes on its way to where it is written.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWrite;

/// A writer that sums up what it passes on.
pub(super) struct Summed<W> {
    writer: W,
    digest: Sha256,
}

impl<W> Summed<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, digest: Sha256::new() }
    }

    /// The SHA-256 of everything that was passed on, and the writer.
    pub(super) fn finish(self) -> ([u8; 32], W) {
        (self.digest.finalize().into(), self.writer)
    }
}

/// A checksum as it is told.
pub(super) fn hexadecimal(sum: [u8; 32]) -> String {
    HEXLOWER.encode(&sum)
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Summed<W> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { writer, digest } = self.get_mut();
        let written = Pin::new(writer).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            digest.update(bytes.get(..*count).unwrap_or(bytes));
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().writer).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn the_sum_is_that_of_what_was_written_in_whatever_pieces() {
        // A pipe that takes three bytes at a time.
        let (near, mut far) = tokio::io::duplex(3);
        let mut summed = Summed::new(near);
        let mut read = Vec::new();
        let (written, _) = tokio::join!(
            async {
                summed.write_all(b"hello world").await.unwrap();
                summed.shutdown().await
            },
            tokio::io::AsyncReadExt::read_to_end(&mut far, &mut read)
        );
        written.unwrap();
        assert_eq!(read, b"hello world");
        assert_eq!(
            hexadecimal(summed.finish().0),
            "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
        );
    }
}
