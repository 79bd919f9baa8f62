//! The web application of a transcript, where it speaks HTTP.

use std::collections::{BTreeMap, VecDeque};

use concierge_client::telegraphy::web::Problem;

use super::{
    super::web::{self, Answer, Asked, Expected, Head, Route},
    stage::Stage,
};
use crate::events::{CallId, Question, Reply};

/// What it asked, and was not answered yet.
#[derive(Default)]
pub(super) struct Application {
    asked: VecDeque<Waiting>,
    replies: BTreeMap<CallId, Reply>,
    drawn: u8,
}

enum Waiting {
    Answer(Answer),
    One(CallId, Expected),
    Batch(Vec<Result<CallId, Problem>>),
}

/// A request: `METHOD TARGET [as TYPE] [BODY]`.
pub(super) fn parts(line: &str) -> (&str, &str, Option<&str>, String) {
    let (method, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (target, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (kind, body) = match rest.strip_prefix("as ") {
        Some(rest) => rest.split_once(' ').map_or((Some(rest), ""), |(kind, body)| (Some(kind), body)),
        None => (None, rest),
    };
    let body = match body.strip_suffix(" bytes").and_then(|bytes| bytes.parse().ok()) {
        Some(bytes) => " ".repeat(bytes),
        None => body.replace('¶', "\n"),
    };
    (method, target, kind, body)
}

fn ask(question: Question, stage: &mut Stage) -> CallId {
    let call = stage.next_call();
    stage.call(question);
    call
}

impl Application {
    pub(super) fn request(
        &mut self,
        line: &str,
        event_bytes: usize,
        stage: &mut Stage,
    ) -> Result<(), String> {
        let (method, target, content_type, body) = parts(line);
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let head = Head { query, content_type, content_encoding: None };
        let waiting = match self.read(method, path, head, body.as_bytes(), event_bytes) {
            Err(answer) => Waiting::Answer(answer),
            Ok(Asked::Description) => return Err("it is too long for a transcript".to_owned()),
            Ok(Asked::One(question, expected)) => Waiting::One(ask(*question, stage), expected),
            Ok(Asked::Batch(items)) => {
                let items = items.into_iter().map(|item| item.map(|question| ask(question, stage)));
                Waiting::Batch(items.collect())
            }
        };
        self.asked.push_back(waiting);
        Ok(())
    }

    fn read(
        &mut self,
        method: &str,
        path: &str,
        head: Head<'_>,
        body: &[u8],
        event_bytes: usize,
    ) -> Result<Asked, Answer> {
        let route = Route::find(method, path)?;
        route.check(head)?;
        if let Some(most) = route.most_bytes(event_bytes).filter(|most| body.len() > *most) {
            return Err(Route::too_large(most).into());
        }
        // What is drawn at random elsewhere is counted here.
        let mut random = || {
            self.drawn += 1;
            [self.drawn; 32]
        };
        Ok(route.read(head, body, &mut random)?)
    }

    /// The answer to the oldest request, in a line.
    pub(super) fn answer(&mut self, stage: &mut Stage) -> Result<String, String> {
        self.replies.extend(stage.replies.drain(..));
        let is_there = |call: &CallId| self.replies.contains_key(call);
        let is_answered = match self.asked.front().ok_or("nothing was asked")? {
            Waiting::Answer(_) => true,
            Waiting::One(call, _) => is_there(call),
            Waiting::Batch(items) => items.iter().flatten().all(is_there),
        };
        if !is_answered {
            return Err("it waits for its answer".to_owned());
        }
        let mut reply = |call| self.replies.remove(&call).ok_or("it was not answered");
        let answer = match self.asked.pop_front().ok_or("nothing was asked")? {
            Waiting::Answer(answer) => answer,
            Waiting::One(call, expected) => expected.answer(reply(call)?),
            Waiting::Batch(items) => {
                let results = items.into_iter().map(|item| match item {
                    Ok(call) => reply(call).map(web::result),
                    Err(problem) => Ok(Err(problem).into()),
                });
                web::results(results.collect::<Result<_, _>>()?)
            }
        };
        let Answer { code, body, allow, retry_after } = answer;
        let allow = allow.map(|methods| format!(" Allow: {methods};")).unwrap_or_default();
        let retry_after = retry_after.map(|wait| format!(" Retry-After: {wait};")).unwrap_or_default();
        Ok(format!("{code}{allow}{retry_after} {body}").trim_end().to_owned())
    }

    pub(super) fn finish(&self) -> Result<(), String> {
        if self.asked.is_empty() {
            Ok(())
        } else {
            Err("at the end: a request waits for its answer".to_owned())
        }
    }
}
