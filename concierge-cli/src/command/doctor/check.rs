//! One check, and all of them as the result of `doctor`, in every form.

use std::time::Duration;

use concierge_client::payload::encode;
use serde::Serialize;

use crate::{
    exit::Exit,
    failure::Failure,
    output::{Cell, Record, Role, Table, View, escape},
};

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is as it should be.
    Ok,
    /// It works, but somebody should know.
    Warn,
    /// It does not work; a command would end with this.
    Fail(Exit),
    /// There was nothing to check, or no way to.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    /// What was found, or why there was nothing to find.
    pub told: String,
    pub took: Option<Duration>,
    pub hint: Option<String>,
}

impl Verdict {
    /// What it is called.
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail(_) => "fail",
            Self::Skipped => "skipped",
        }
    }

    /// A mark of one column, and its colour.
    fn mark(self, unicode: bool) -> (&'static str, Role) {
        match (self, unicode) {
            (Self::Ok, true) => ("✓", Role::Joined),
            (Self::Ok, false) => ("+", Role::Joined),
            (Self::Warn, _) => ("!", Role::Left),
            (Self::Fail(_), true) => ("✗", Role::Error),
            (Self::Fail(_), false) => ("x", Role::Error),
            (Self::Skipped, _) => ("-", Role::Dim),
        }
    }
}

impl Check {
    /// As it should be.
    pub(super) fn ok(name: &'static str, told: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Ok, told: told.into(), took: None, hint: None }
    }

    /// It works, but.
    pub(super) fn warn(name: &'static str, told: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, hint: Some(hint.into()), ..Self::ok(name, told) }
    }

    /// It does not work.
    pub(super) fn fail(name: &'static str, failure: &Failure) -> Self {
        let hint = failure.hinted().map(str::to_owned);
        Self { verdict: Verdict::Fail(failure.exit()), hint, ..Self::ok(name, failure.message()) }
    }

    /// There was nothing to check, or no way to.
    pub(super) fn skipped(name: &'static str, why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Skipped, ..Self::ok(name, why) }
    }

    /// With how long it took.
    pub(super) fn took(self, time: Duration) -> Self {
        Self { took: Some(time), ..self }
    }

    fn fields<'a>(&'a self, kind: Option<&'static str>) -> Fields<'a> {
        Fields {
            r#type: kind,
            name: self.name,
            verdict: self.verdict.name(),
            message: &self.told,
            took_us: self.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            hint: self.hint.as_deref(),
        }
    }
}

/// A check as JSON.
#[derive(Serialize)]
struct Fields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    name: &'static str,
    verdict: &'static str,
    message: &'a str,
    took_us: Option<u64>,
    hint: Option<&'a str>,
}

/// All of them as JSON.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    url: &'a str,
    ok: bool,
    exit: u8,
    checks: Vec<Fields<'a>>,
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report {
    /// The gateway that was asked.
    pub url: String,
    pub checks: Vec<Check>,
    /// Whether marks may be more than ASCII.
    pub unicode: bool,
}

impl Report {
    /// What a command would have ended with: that of the first check that failed.
    pub(super) fn exit(&self) -> Exit {
        let failed = self.checks.iter().find_map(|check| match check.verdict {
            Verdict::Fail(exit) => Some(exit),
            _ => None,
        });
        failed.unwrap_or(Exit::Done)
    }

    fn count(&self, verdict: &str) -> usize {
        self.checks.iter().filter(|check| check.verdict.name() == verdict).count()
    }

    fn summary(&self) -> String {
        let counted = |verdict: &str, what: &str| match self.count(verdict) {
            0 => None,
            count => Some(format!("{count} {what}")),
        };
        let amiss: Vec<_> =
            [counted("fail", "failed"), counted("warn", "to look at")].into_iter().flatten().collect();
        if amiss.is_empty() { "all is well".to_owned() } else { amiss.join(", ") }
    }
}

impl Record for Report {
    fn object(&self) -> String {
        encode(&Document {
            r#type: "doctor",
            url: &self.url,
            ok: self.exit() == Exit::Done,
            exit: self.exit().code(),
            checks: self.checks.iter().map(|check| check.fields(None)).collect(),
        })
    }

    fn human(&self, view: View) -> String {
        let mut table = Table::default();
        for check in &self.checks {
            let (mark, role) = check.verdict.mark(self.unicode);
            let dim = (check.verdict == Verdict::Skipped).then_some(Role::Dim);
            let told = match check.took {
                Some(took) => format!("{} ({})", escape(&check.told), milliseconds(took)),
                None => escape(&check.told).into_owned(),
            };
            let told = dim.map_or_else(|| Cell::plain(&told), |role| Cell::new(role, &told));
            table.row([Cell::new(role, mark), Cell::plain(check.name), told]);
            if let Some(hint) = &check.hint {
                let hint = format!("{} {}", view.palette.paint(Role::Hint, "hint:"), escape(hint));
                table.row([Cell::plain(""), Cell::plain(""), Cell::plain(hint)]);
            }
        }
        let role = if self.exit() == Exit::Done { Role::Joined } else { Role::Error };
        table.render(view.palette) + &view.palette.paint(role, &self.summary()) + "\n"
    }

    fn objects(&self) -> Vec<String> {
        self.checks.iter().map(|check| encode(&check.fields(Some("doctor_check")))).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |check: &Check| {
            let took = check.took.map(|took| took.as_micros().to_string());
            vec![
                check.name.to_owned(),
                check.verdict.name().to_owned(),
                check.told.clone(),
                took.unwrap_or_default(),
                check.hint.clone().unwrap_or_default(),
            ]
        };
        self.checks.iter().map(row).collect()
    }

    fn raw(&self) -> Vec<String> {
        self.checks.iter().map(|check| format!("{} {}", check.verdict.name(), check.name)).collect()
    }
}

fn milliseconds(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Palette;

    fn report(checks: Vec<Check>) -> Report {
        Report { url: "ws://h/ws".to_owned(), checks, unicode: false }
    }

    #[test]
    fn the_first_failure_decides_and_warnings_do_not() {
        let refused = Failure::new(Exit::Unreachable, "no").hint("try");
        let late = Failure::new(Exit::TimedOut, "late");
        let warned = report(vec![Check::ok("a", "fine"), Check::warn("b", "odd", "look")]);
        assert_eq!((warned.exit(), warned.summary().as_str()), (Exit::Done, "1 to look at"));
        let failed = report(vec![
            Check::warn("b", "odd", "look"),
            Check::fail("c", &refused),
            Check::fail("d", &late),
        ]);
        assert_eq!((failed.exit(), failed.summary().as_str()), (Exit::Unreachable, "2 failed, 1 to look at"));
    }

    #[test]
    fn marks_line_up_and_are_ascii_where_they_must_be() {
        let refused = Failure::new(Exit::Unreachable, "refused \u{1b}[2J").hint("try");
        let shown = report(vec![
            Check::ok("tcp", "connected").took(Duration::from_micros(1250)),
            Check::skipped("tls", "ws:// has none"),
            Check::fail("upgrade", &refused),
        ]);
        let view = View { palette: Palette::default(), terminal: false };
        assert_eq!(
            shown.human(view),
            "+  tcp      connected (1.25 ms)\n-  tls      ws:// has none\nx  upgrade  refused \\u{1b}[2J\n            hint: try\n1 failed\n"
        );
        let objects = shown.objects();
        assert_eq!(objects.len(), 3);
        assert!(objects.first().unwrap().starts_with(r#"{"type":"doctor_check","#), "{objects:?}");
    }
}
