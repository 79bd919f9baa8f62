//! The messages that are to be sent, one by one: always the same, from a template, or the lines of a file or of the input.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use concierge_client::payload::Data;
use uuid::Uuid;

use super::{
    Repeats,
    payload::{from_file, not_here, payload, read_text, text_of_file, text_of_input},
    template::Filling,
};
use crate::{
    command::{Context, Place},
    failure::{Failure, without_number},
    grammar::PayloadSource,
    input::Lines,
    output::now,
};

/// What can be filled in.
const KNOWN: &str = "{{n}}, {{uuid}} and {{now}} are";

/// Messages on their way out.
#[derive(Debug)]
pub(super) struct Messages {
    source: Source,
    template: bool,
    /// How many more there may be; without, as many as there are.
    left: Option<u64>,
    number: u64,
}

#[derive(Debug)]
enum Source {
    /// This one, ever again.
    Same(Data),
    /// What these words say, once they are filled in.
    Words(Vec<String>),
    /// What this text says, once it is filled in.
    Text(String),
    /// A message a line.
    Lines(Lines),
}

impl Messages {
    /// What is wrong with a payload before anything is read or sent.
    pub(super) fn check(words: &[String], repeats: &Repeats) -> Result<(), Failure> {
        let elsewhere = PayloadSource::elsewhere(words);
        if repeats.each_line && elsewhere.is_none() {
            return Err(Failure::usage("--each-line sends the lines of the input or of a file")
                .hint("leave the payload out, or give @FILE"));
        }
        if repeats.template && elsewhere.is_none() {
            filled_words(words, 1)?;
        }
        Ok(())
    }

    /// Those that were asked for.
    pub(super) async fn open(
        words: &[String],
        repeats: &Repeats,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let Repeats { count, interval, template, each_line, .. } = repeats;
        let source = match PayloadSource::elsewhere(words) {
            Some(PayloadSource::File(path)) if *each_line => Source::Lines(lines_of(&path)?),
            Some(PayloadSource::File(path)) if *template => Source::Text(text_of_file(&path)?),
            Some(PayloadSource::File(path)) => Source::Same(from_file(&path)?),
            Some(_) if *each_line => Source::Lines(Lines::start("the input", input(words, context)?)),
            Some(_) if *template => {
                let input = input(words, context)?;
                // On a thread for that: whoever waits for the end of the input can still be interrupted.
                let reading = tokio::task::spawn_blocking(move || text_of_input(input));
                let unread = |error| Failure::local(format!("could not read the payload: {error}"));
                Source::Text(reading.await.map_err(unread)??)
            }
            None if *template => Source::Words(words.to_vec()),
            _ => Source::Same(payload(words)?),
        };
        let is_one = count.is_none() && interval.is_none() && !each_line;
        let left = if is_one { Some(1) } else { *count };
        Ok(Self { source, template: *template, left, number: 0 })
    }

    /// The number of the last one, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What they are counted in.
    pub(super) fn unit(&self) -> &'static str {
        if matches!(self.source, Source::Lines(_)) { "line" } else { "message" }
    }

    /// The next one, if there is one; what is inside fails where it is no message, what is outside where no more can be read.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Result<Data, Failure>>, Failure> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let number = self.number + 1;
        let data = match &mut self.source {
            Source::Same(data) => Ok(data.clone()),
            Source::Words(words) => filled_words(words, number),
            Source::Text(text) => filled_text(text, number),
            Source::Lines(lines) => match lines.next().await? {
                Some(line) if self.template => filled_text(&line, number),
                Some(line) => read_text(&line),
                None => return Ok(None),
            },
        };
        self.number = number;
        self.left = self.left.map(|left| left - 1);
        Ok(Some(data))
    }
}

fn filling(number: u64) -> Filling {
    Filling { number, uuid: Uuid::new_v4().to_string(), now: now() }
}

fn fill(filling: &Filling, text: &str) -> Result<String, Failure> {
    filling.fill(text).map_err(|error| Failure::usage(error).hint(KNOWN))
}

fn filled_words(words: &[String], number: u64) -> Result<Data, Failure> {
    let filling = filling(number);
    let words = words.iter().map(|word| fill(&filling, word)).collect::<Result<Vec<_>, Failure>>()?;
    payload(&words)
}

fn filled_text(text: &str, number: u64) -> Result<Data, Failure> {
    read_text(&fill(&filling(number), text)?)
}

fn lines_of(path: &Path) -> Result<Lines, Failure> {
    let name = path.display().to_string();
    let file = File::open(path)
        .map_err(|error| Failure::local(format!("could not read {name}: {}", without_number(&error))))?;
    Ok(Lines::start(&name, Box::new(BufReader::new(file))))
}

/// The input, which is a command's only in the shell, and once.
fn input(words: &[String], context: &Context<'_>) -> Result<Box<dyn BufRead + Send>, Failure> {
    if matches!(context.place, Place::Session(_)) {
        return Err(not_here(words));
    }
    context.place.take_input()
}
