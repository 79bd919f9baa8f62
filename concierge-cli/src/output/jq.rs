//! Filters in the language of jq, for `--jq` and `| jq`: compiled once, run on one record at a time, and stopped where they do not
//! end. What the language is made of is in `jq/program.rs`.
//!
//! A filter has a thread of its own, with a stack that it cannot overflow: whoever waits for it can go away.

mod meter;
mod program;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use self::{
    meter::{Allowance, Limits, STACK},
    program::Program,
};
use crate::{failure::Failure, signals::interruptions};

/// What a filter may take for one record.
const ALLOWANCE: Allowance = Allowance { time: Duration::from_secs(5), memory: 512 << 20 };

/// A compiled filter. Its clones share one thread.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    work: mpsc::Sender<Work>,
    /// How often somebody had interrupted when it was read; none where that is not meant for it.
    interrupted: Option<u64>,
}

/// A record for a filter, and where its results go.
struct Work {
    json: String,
    results: oneshot::Sender<Result<Vec<String>, Failure>>,
    abandoned: Arc<AtomicBool>,
    interrupted: Option<u64>,
}

/// Tells the filter's thread to stop when nobody waits for it any more.
struct Wanted(Arc<AtomicBool>);

impl Filter {
    /// Reads a filter. What is wrong with it is told with its column.
    pub(crate) fn compile(text: &str) -> Result<Self, Failure> {
        Self::compile_with(text, [])
    }

    /// Reads a filter that may mention variables: their names, and their values as JSON.
    pub(crate) fn compile_with<'a>(
        text: &str,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Failure> {
        Self::compile_for(text, variables, ALLOWANCE)
    }

    fn compile_for<'a>(
        text: &str,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        allowance: Allowance,
    ) -> Result<Self, Failure> {
        // Those that are not mentioned need not be read.
        let variables: Vec<_> = variables
            .into_iter()
            .map(|(name, json)| (format!("${name}"), json))
            .filter(|(name, _)| text.contains(name.as_str()))
            .map(|(name, json)| (name, json.to_owned()))
            .collect();
        let interrupted = Some(interruptions());
        let (sender, incoming) = mpsc::channel::<Work>();
        let (compiled, told) = mpsc::sync_channel(1);
        let text = text.to_owned();
        let run = move || match Program::compile(&text, &variables) {
            Ok(program) => {
                // Whoever asked is waiting.
                let _ = compiled.send(Ok(()));
                for Work { json, results, abandoned, interrupted } in incoming {
                    let limits = Limits::new(allowance, &abandoned, interrupted);
                    // Whoever asked may have gone.
                    let _ = results.send(program.run(&json, &limits));
                }
            }
            Err(failure) => drop(compiled.send(Err(failure))),
        };
        let spawned = thread::Builder::new().name("jq".to_owned()).stack_size(STACK).spawn(run);
        spawned.map_err(|error| Failure::local(format!("cannot start a filter: {error}")))?;
        told.recv().unwrap_or_else(|_| Err(broken()))?;
        Ok(Self { work: sender, interrupted })
    }

    /// The same for a job, which goes on when somebody interrupts what runs in front of it.
    pub(crate) fn in_background(self) -> Self {
        Self { interrupted: None, ..self }
    }

    /// What the filter makes of a JSON value, as JSON, in order. It waits, though not for ever.
    pub(crate) fn run(&self, json: &str) -> Result<Vec<String>, Failure> {
        let (_wanted, results) = self.start(json, self.interrupted);
        results.blocking_recv().unwrap_or_else(|_| Err(broken()))
    }

    /// The same, without holding up anything else. A filter that nobody waits for any more stops.
    pub(crate) async fn apply(&self, json: &str) -> Result<Vec<String>, Failure> {
        // Whoever is interrupted goes away.
        let (_wanted, results) = self.start(json, None);
        results.await.unwrap_or_else(|_| Err(broken()))
    }

    fn start(
        &self,
        json: &str,
        interrupted: Option<u64>,
    ) -> (Wanted, oneshot::Receiver<Result<Vec<String>, Failure>>) {
        let (sender, results) = oneshot::channel();
        let abandoned = Arc::new(AtomicBool::new(false));
        let work =
            Work { json: json.to_owned(), results: sender, abandoned: Arc::clone(&abandoned), interrupted };
        // When the thread is gone, so is the sender of results.
        let _ = self.work.send(work);
        (Wanted(abandoned), results)
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn broken() -> Failure {
    Failure::usage("jq: the filter broke").hint("try a simpler one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(filter: &str, json: &str) -> Vec<String> {
        Filter::compile(filter).unwrap().run(json).unwrap()
    }

    fn refused(filter: &str) -> String {
        Filter::compile(filter).unwrap_err().message().to_owned()
    }

    fn failed(filter: &str, json: &str) -> String {
        Filter::compile(filter).unwrap().run(json).unwrap_err().message().to_owned()
    }

    #[test]
    fn a_filter_gives_any_number_of_results() {
        let json = r#"{"a":[1,{"b":"x"}],"c":null}"#;
        assert_eq!(filtered(".a[]", json), ["1", r#"{"b":"x"}"#]);
        assert_eq!(filtered(".c", json), ["null"]);
        assert!(filtered("empty", json).is_empty());
        assert_eq!(filtered(".a | length, (map(type) | join(\" \"))", json), ["2", "\"number object\""]);
        assert_eq!(filtered(r#"select(.a[1].b | test("^X$"; "i")) | .a[0]"#, json), ["1"]);
    }

    #[test]
    fn a_filter_is_used_again_and_again() {
        let filter = Filter::compile(".n + 1").unwrap();
        for number in 0..100 {
            assert_eq!(filter.run(&format!("{{\"n\":{number}}}")), Ok(vec![(number + 1).to_string()]));
        }
    }

    #[test]
    fn variables_are_values() {
        let variables = [("n", "2"), ("name", r#""x y""#), ("unused", "nonsense")];
        let filter = Filter::compile_with(".[$n] == $name, $n", variables).unwrap();
        assert_eq!(filter.run(r#"[0,1,"x y"]"#), Ok(vec!["true".to_owned(), "2".to_owned()]));
        let shadowed = Filter::compile_with("1 as $n | $n", variables).unwrap();
        assert_eq!(shadowed.run("0"), Ok(vec!["1".to_owned()]));
        assert!(Filter::compile_with("$nam", variables).is_err());
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        for number in ["1.10", "1e1000", "123456789012345678901234567890", "-0.0", "1.0"] {
            assert_eq!(filtered(".", number), [number]);
        }
        assert_eq!(filtered(". + 1", "9007199254740993"), ["9007199254740994"]);
    }

    #[test]
    fn results_are_always_json() {
        assert_eq!(
            filtered("nan, infinite, -infinite", "0"),
            ["null", "1.7976931348623157e308", "-1.7976931348623157e308"]
        );
        assert_eq!(filtered("{(1,true): 2}", "0"), [r#"{"1":2}"#, r#"{"true":2}"#]);
        assert_eq!(filtered("\"\\u001b\" | ., tobytes", "0"), [r#""\u001b""#, r#""\u001b""#]);
        for result in filtered("[nan], [[infinite]], {a: nan}, ([65,255] | tobytes)", "0") {
            assert!(serde_json::from_str::<serde_json::Value>(&result).is_ok(), "{result}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_column() {
        assert_eq!(refused(".a |"), "jq: term is missing at the end");
        assert_eq!(refused(".a | foo"), "jq: there is no filter `foo` (column 6)");
        assert_eq!(refused("map(.;1)"), "jq: there is no filter `map` that takes 2 arguments (column 1)");
        assert_eq!(refused("ä ~"), "jq: 'ä' is not understood (column 1)");
        assert_eq!(refused("[(1]"), "jq: `(` is not closed (column 2)");
        assert_eq!(refused(".a | $x"), "jq: there is no variable `$x` (column 6)");
        for nonsense in
            ["", "}", "\"", "\"\\(", "if", ". as [$a", "import \"a\" as a; .", "import \"a\" as $a; ."]
        {
            assert!(refused(nonsense).starts_with("jq: "), "{nonsense}");
        }
    }

    #[test]
    fn a_filter_that_does_not_fit_is_told() {
        assert_eq!(failed(".a.b", r#"{"a":1}"#), "jq: cannot index 1 with \"b\"");
        assert_eq!(failed("error(\"no\")", "0"), "jq: no");
        assert_eq!(failed("error({a: 1})", "0"), r#"jq: {"a":1}"#);
        assert!(failed(".x", &format!("\"{}\"", "y".repeat(10_000))).len() < 300);
    }

    #[test]
    fn nothing_of_the_environment_and_no_file_is_within_reach() {
        for filter in ["env", "$ENV", "input", "inputs", "input_filename", "get_search_list", "$__prog_args"]
        {
            assert!(refused(filter).contains("there is no"), "{filter}");
        }
        assert!(refused("import \"/etc/passwd\" as $x; $x").starts_with("jq: "));
        assert!(failed("halt", "0").contains("halt"));
        assert!(failed("halt_error(3)", "0").contains("halt"));
    }

    #[test]
    fn a_filter_that_does_not_end_is_stopped() {
        for filter in [
            "def f: f; f",
            "def f: 1 + f; f",
            "[range(infinite)]",
            "last(range(infinite))",
            "reduce range(infinite) as $x (0; .)",
            "range(1; 2; 0)",
            "[repeat(1)]",
            "first(repeat(1) | select(. == 2))",
            "until(false; .)",
            "[limit(100000000; repeat(1))] | length",
            "repeat(1)",
        ] {
            let allowance = Allowance { time: Duration::from_millis(30), ..ALLOWANCE };
            let filter = Filter::compile_for(filter, [], allowance).unwrap();
            let told = filter.run("0").unwrap_err().message().to_owned();
            assert!(
                told.contains("too long") || told.contains("too deep") || told.contains("more than"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_filter_that_takes_too_much_memory_is_stopped() {
        for filter in [
            "reduce range(60) as $n (\"x\"; . + .)",
            "def f: . + . | f; \"x\" | f",
            "reduce range(60) as $n ([\"xxxxxxxx\"]; . + .)",
            "reduce range(60) as $n (\"x\"; [., .])",
        ] {
            let allowance = Allowance { memory: 16 << 20, ..ALLOWANCE };
            let failure = Filter::compile_for(filter, [], allowance).unwrap().run("0").unwrap_err();
            assert_eq!(failure.message(), "jq: the filter takes too much memory for one record");
        }
    }

    #[test]
    fn values_that_are_nested_too_deeply_are_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(failed(".", &deep).contains("nested"));
        let fair = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert_eq!(filtered(".", &fair), [fair]);
        assert_eq!(filtered(".", r#""[[[[\"[[[""#), [r#""[[[[\"[[[""#]);
    }

    #[tokio::test]
    async fn a_filter_that_nobody_waits_for_stops() {
        let filter = Filter::compile("if . == 0 then def f: f; f else . end").unwrap();
        let forever = filter.apply("0");
        assert!(tokio::time::timeout(Duration::from_millis(1), forever).await.is_err());
        assert_eq!(filter.apply("1").await, Ok(vec!["1".to_owned()]));
    }
}
