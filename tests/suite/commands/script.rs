//! A transcript as text: steps, each a line for a shell with what to do meanwhile, and what came of it.

/// Where a line is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Pipes,
    Terminal,
    Coloured,
}

/// What to do while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// A line of its input.
    Input(String),
    /// Waits until somebody has joined.
    Joined(String),
    /// Waits until somebody has subscribed to `chat`.
    Subscribed(String),
    /// `bob` sends this to `ear`.
    Message(String),
    /// `bob` sends this to those who subscribe to `chat`.
    Announcement(String),
    /// Signals the command.
    Signal(String),
    /// The gateway stops.
    Stop,
}

/// One line, run.
#[derive(Debug)]
pub(super) struct Step {
    /// The text from the last step to its output, as it stands.
    pub(super) head: String,
    pub(super) stage: Stage,
    pub(super) line: String,
    pub(super) deeds: Vec<Deed>,
}

/// The steps, and whatever stands after the last one is its output.
pub(super) fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut comment = String::new();
    for line in text.lines() {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        let stage = match mark {
            "$" => Some(Stage::Pipes),
            "%" => Some(Stage::Terminal),
            "*" => Some(Stage::Coloured),
            _ => None,
        };
        if let Some(stage) = stage {
            let head = std::mem::take(&mut comment) + line + "\n";
            steps.push(Step { head, stage, line: rest.to_owned(), deeds: Vec::new() });
            continue;
        }
        let deed = match mark {
            "<" => Some(Deed::Input(rest.to_owned())),
            "@" => rest.split_once(' ').map(|(what, name)| match what {
                "joined" => Deed::Joined(name.to_owned()),
                "subscribed" => Deed::Subscribed(name.to_owned()),
                other => panic!("there is no waiting for {other:?}"),
            }),
            ">" => Some(Deed::Message(rest.to_owned())),
            ">>" => Some(Deed::Announcement(rest.to_owned())),
            "^" if rest == "stop" => Some(Deed::Stop),
            "^" => Some(Deed::Signal(rest.to_owned())),
            _ => None,
        };
        match (deed, steps.last_mut()) {
            (Some(deed), Some(step)) => {
                step.head.push_str(line);
                step.head.push('\n');
                step.deeds.push(deed);
            }
            _ if mark == "#" || mark == "##" => {
                comment.push_str(line);
                comment.push('\n');
            }
            // An empty line is written before each comment and each step but the first.
            _ => {}
        }
    }
    steps
}

/// What came of a step, as it stands in the transcript.
pub(super) fn render(stdout: &str, stderr: &str, code: i32) -> String {
    let mut text = String::new();
    for line in stdout.lines() {
        text += format!("  {line}").trim_end();
        text += "\n";
    }
    for line in stderr.lines() {
        text += format!("! {line}").trim_end();
        text += "\n";
    }
    if code != 0 {
        text.extend(["? ", &code.to_string(), "\n"]);
    }
    text
}
