//! Lines from files: the script itself, and what it has with `source`. Errors carry the file and the line.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use super::Interpreter;
use crate::{
    exit::Exit,
    failure::{Failure, without_number},
    input::Lines,
    language::{Unfinished, parse},
    repl::Flow,
};

/// How deep files may have each other's lines carried out.
const DEEPEST: usize = 16;

/// How many bytes a file may have that is read before it is carried out.
const LONGEST: usize = 64 << 20;

/// How many bytes a statement may have that goes over several lines.
const LONGEST_STATEMENT: usize = 16 << 20;

/// What holds for all lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Whether lines that follow one that failed are carried out.
    pub keep_going: bool,
    /// Whether commands of a shell may be run.
    pub shell: bool,
}

/// A statement, and the line it begins in.
type Numbered = (u64, String);

impl Interpreter {
    /// Reads a script from a file, connects, and carries it out.
    pub(crate) async fn run_file(&mut self, path: &Path) -> Result<(), Failure> {
        let name = path.display().to_string();
        let statements = self.read(path, &name).await?;
        self.connect().await?;
        self.open.push(canonical(path));
        let result = self.run_statements(statements, &name).await;
        self.open.pop();
        result?;
        self.tally()
    }

    /// Connects, and carries out lines as they come.
    pub(crate) async fn run_lines(&mut self, lines: &mut Lines, name: &str) -> Result<(), Failure> {
        self.connect().await?;
        let mut number = 0;
        while let Some((first, statement)) = next_statement(lines, name, &mut number).await? {
            if self.run_line(&statement, name, first).await? == Flow::Leave {
                break;
            }
        }
        self.tally()
    }

    /// Carries out the lines of a file within those of another, or of the REPL.
    pub(super) async fn source(&mut self, path: &Path) -> Result<Flow, Failure> {
        let beside = self.open.last().and_then(|open| open.parent());
        let path: PathBuf = beside.map_or_else(|| path.to_owned(), |folder| folder.join(path));
        let name = path.display().to_string();
        let place = canonical(&path);
        if self.open.contains(&place) {
            return Err(Failure::usage(format!("{name} has its own lines carried out, without end")));
        }
        if self.open.len() >= DEEPEST {
            return Err(Failure::usage(format!("files have each other's lines carried out {DEEPEST} deep")));
        }
        let statements = self.read(&path, &name).await?;
        self.open.push(place);
        let result = self.run_statements(statements, &name).await;
        self.open.pop();
        result
    }

    async fn run_statements(&mut self, statements: Vec<Numbered>, name: &str) -> Result<Flow, Failure> {
        for (number, statement) in statements {
            if self.run_line(&statement, name, number).await? == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Continue)
    }

    async fn run_line(&mut self, statement: &str, name: &str, number: u64) -> Result<Flow, Failure> {
        let result = match self.allow(statement) {
            Ok(()) => self.execute(statement).await,
            Err(failure) => Err(failure),
        };
        match result {
            Err(failure) if failure.message().is_empty() => Err(failure),
            Err(failure) if self.rules.keep_going => {
                self.failed += 1;
                self.ground.output.failure(&failure.at(name, number));
                Ok(Flow::Continue)
            }
            result => result.map_err(|failure| failure.at(name, number)),
        }
    }

    /// All statements of a file, before any of them is carried out: what is not allowed is refused.
    async fn read(&self, path: &Path, name: &str) -> Result<Vec<Numbered>, Failure> {
        let unreadable = |error| Failure::local(format!("could not read {name}: {}", without_number(&error)));
        let file = File::open(path).map_err(unreadable)?;
        let mut lines = Lines::start(name, Box::new(BufReader::new(file)));
        let (mut number, mut bytes) = (0, 0);
        let mut statements = Vec::new();
        while let Some((first, statement)) = next_statement(&mut lines, name, &mut number).await? {
            self.allow(&statement).map_err(|failure| failure.at(name, first))?;
            bytes += statement.len();
            if bytes > LONGEST {
                return Err(Failure::local(format!("{name} has more than {LONGEST} bytes")));
            }
            statements.push((first, statement));
        }
        Ok(statements)
    }

    fn allow(&self, statement: &str) -> Result<(), Failure> {
        let needs_shell = parse(statement).is_ok_and(|line| line.statement.needs_shell());
        if needs_shell && !self.rules.shell {
            return Err(Failure::usage("a script runs commands of a shell only if it is allowed to")
                .hint("concierge run --allow-shell FILE; `| jq` needs no leave"));
        }
        Ok(())
    }

    /// What became of all lines.
    fn tally(&self) -> Result<(), Failure> {
        match self.failed {
            0 => Ok(()),
            1 => Err(Failure::new(Exit::Partly, "one line failed")),
            failed => Err(Failure::new(Exit::Partly, format!("{failed} lines failed"))),
        }
    }
}

/// The next statement, which may go over several lines, and the number of its first.
async fn next_statement(
    lines: &mut Lines,
    name: &str,
    number: &mut u64,
) -> Result<Option<Numbered>, Failure> {
    let first = *number + 1;
    let mut unfinished = Unfinished::default();
    while let Some(line) = lines.next().await? {
        *number += 1;
        if unfinished.len() + line.len() > LONGEST_STATEMENT {
            let message = format!("the statement that begins here has more than {LONGEST_STATEMENT} bytes");
            return Err(Failure::local(message)
                .hint("is one of its brackets never closed? a file is sent with @FILE")
                .at(name, first));
        }
        if let Some(statement) = unfinished.take(&line) {
            return Ok(Some((first, statement)));
        }
    }
    Ok(unfinished.end().map(|statement| (first, statement)))
}

/// A file under the one name that it has, if it has one.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn a_statement_that_never_ends_is_given_up() {
        let element = format!("\"{}\",\n", "x".repeat(1000));
        let input = "whoami\n@bob [\n".to_owned() + &element.repeat(LONGEST_STATEMENT / 1000);
        let mut lines = Lines::start("input", Box::new(Cursor::new(input)));
        let mut number = 0;
        let statement = next_statement(&mut lines, "input", &mut number).await;
        assert_eq!(statement, Ok(Some((1, "whoami".to_owned()))));
        let failure = next_statement(&mut lines, "input", &mut number).await.unwrap_err();
        assert_eq!(
            failure.message(),
            "input, line 2: the statement that begins here has more than 16777216 bytes"
        );
    }
}
