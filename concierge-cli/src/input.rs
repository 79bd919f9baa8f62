//! Reading lines without holding up anything else: a thread reads, and lines come one by one.

use std::io::{self, BufRead};

use tokio::sync::mpsc;

use crate::failure::{Failure, without_number};

/// The longest line that is taken, in bytes: several messages' worth, and a bound where input never ends.
const MAX_LINE: usize = 16 << 20;

/// The lines of an input, without their ends.
#[derive(Debug)]
pub(crate) struct Lines {
    incoming: mpsc::Receiver<io::Result<String>>,
    name: String,
    read: usize,
}

impl Lines {
    /// Starts reading. The thread ends with the input, or when nobody wants its lines any more. `name` is what the input is
    /// called in messages.
    pub(crate) fn start(name: &str, mut input: Box<dyn BufRead + Send>) -> Self {
        let (sender, incoming) = mpsc::channel(16);
        std::thread::spawn(move || {
            while let Some(line) = next_line(&mut input).transpose() {
                let failed = line.is_err();
                if sender.blocking_send(line).is_err() || failed {
                    break;
                }
            }
        });
        Self { incoming, name: name.to_owned(), read: 0 }
    }

    /// The next line; none at the end of the input.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, Failure> {
        let Some(line) = self.incoming.recv().await else { return Ok(None) };
        self.read += 1;
        let Self { name, read, .. } = self;
        line.map(Some).map_err(|error| {
            Failure::local(format!("could not read line {read} of {name}: {}", without_number(&error)))
        })
    }
}

fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    if io::Read::take(&mut *input, limit + 1).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    } else if bytes.len() > MAX_LINE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {MAX_LINE} bytes")));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"))
}

/// The next line with its end, or as much of it as is taken at once; what is no UTF-8 is replaced. None at the end of the input.
pub(crate) fn read_text(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_LINE).unwrap_or(u64::MAX);
    let read = io::Read::take(&mut *input, limit).read_until(b'\n', &mut bytes)?;
    Ok((read > 0).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_come_in_order_and_without_their_ends() {
        let mut lines = Lines::start("the input", Box::new("a\r\n\nb".as_bytes()));
        for expected in ["a", "", "b"] {
            assert_eq!(lines.next().await, Ok(Some(expected.to_owned())));
        }
        assert_eq!(lines.next().await, Ok(None));
    }

    #[tokio::test]
    async fn a_line_that_is_not_utf8_is_told_with_its_number() {
        let mut lines = Lines::start("x.concierge", Box::new(b"a\n\xff\n".as_slice()));
        assert!(lines.next().await.is_ok());
        let failure = lines.next().await.unwrap_err();
        assert_eq!(failure.message(), "could not read line 2 of x.concierge: it is not UTF-8");
    }
}
