//! The language of jq, by jaq: reading a filter, running it on a value, and telling what is wrong in either.
//!
//! What reaches beyond the value is left out: the environment, other inputs, files, the process itself.

use jaq_core::{
    DataT, Exn, Lut, RunPtr, ValXs, Vars,
    compile::{Compiler, Undefined},
    data::HasLut,
    load::{self, Arena, Error as LoadError, File, Loader, import, span},
    native::{self, Fun, bome, v},
};
use jaq_json::{Error, Map, Num, Val, read, write};

use super::meter::{Limits, Meter, Stopped};
use crate::{exit::Exit, failure::Failure};

/// How deep arrays and objects may be nested: reading goes down as deep.
const MOST_NESTED: usize = 1_000;

/// How many results one value may have.
const MOST_RESULTS: usize = 100_000;

/// How many bytes they may have together.
const MOST_BYTES: usize = 64 << 20;

/// How much is told of what went wrong, in characters: a message may hold the whole value.
const MOST_TOLD: usize = 200;

/// How much a number of `range` costs, in steps: it takes memory, too, where it is kept.
const RANGE_STEP: u64 = 10;

/// A filter that was read, and the values of the variables it sees.
pub(super) struct Program {
    filter: jaq_core::Filter<Metered>,
    variables: Vec<Val>,
}

/// What filters run on: values, and a meter.
enum Metered {}

/// What a run has at hand. Making a copy of it is what every step of a filter does.
struct Tools<'a> {
    lut: &'a Lut<Metered>,
    meter: &'a Meter<'a>,
}

impl DataT for Metered {
    type V<'a> = Val;
    type Data<'a> = Tools<'a>;
}

impl<'a> HasLut<'a, Metered> for Tools<'a> {
    fn lut(&self) -> &'a Lut<Metered> {
        self.lut
    }
}

impl Clone for Tools<'_> {
    fn clone(&self) -> Self {
        self.meter.step(1);
        Self { lut: self.lut, meter: self.meter }
    }
}

impl Program {
    /// Reads a filter. Variables are names that begin with `$`, and JSON.
    pub(super) fn compile(text: &str, variables: &[(String, String)]) -> Result<Self, Failure> {
        let arena = Arena::default();
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let modules = Loader::new(definitions)
            .load(&arena, File { path: (), code: text })
            .map_err(|errors| unreadable(text, &errors))?;
        import(&modules, |_| Err("there are no files here".to_owned()))
            .map_err(|errors| unreadable(text, &errors))?;
        let filter = Compiler::default()
            .with_funs(functions())
            .with_global_vars(variables.iter().map(|(name, _)| name.as_str()))
            .compile(modules)
            .map_err(|errors| undefined(text, &errors))?;
        let variables = variables.iter().map(|(_, json)| value(json)).collect::<Result<_, _>>()?;
        Ok(Self { filter, variables })
    }

    /// What it makes of a JSON value.
    pub(super) fn run(&self, json: &str, limits: &Limits<'_>) -> Result<Vec<String>, Failure> {
        let input = value(json)?;
        limits.hold(|meter| self.results(input, meter)).unwrap_or_else(|stopped| {
            Err(match stopped {
                Stopped::TooLong => failure("the filter works too long on one record"),
                Stopped::TooDeep => failure("the filter calls itself too deeply: too deep for the stack"),
                Stopped::TooLarge => failure("the filter takes too much memory for one record"),
                Stopped::Abandoned => failure("the filter was stopped"),
                Stopped::Interrupted => Failure::silent(Exit::Interrupted),
                Stopped::Broken => failure("the filter broke"),
            })
        })
    }

    fn results(&self, input: Val, meter: &Meter<'_>) -> Result<Vec<String>, Failure> {
        let tools = Tools { lut: &self.filter.lut, meter };
        let context = jaq_core::Ctx::<Metered>::new(tools, Vars::new(self.variables.iter().cloned()));
        let (mut results, mut bytes) = (Vec::new(), 0);
        for result in self.filter.id.run((context, input)) {
            let text = to_json(result.map_err(thrown)?, meter)?;
            bytes += text.len();
            results.push(text);
            if results.len() > MOST_RESULTS || bytes > MOST_BYTES {
                return Err(failure(format!(
                    "the filter gives more than {MOST_RESULTS} results or {MOST_BYTES} bytes"
                )));
            }
        }
        Ok(results)
    }
}

/// Reads a JSON value.
fn value(json: &str) -> Result<Val, Failure> {
    if is_nested_deeper(json, MOST_NESTED) {
        return Err(failure(format!("the value is nested more than {MOST_NESTED} levels deep")));
    }
    read::parse_single(json.as_bytes()).map_err(|error| failure(format!("the value is not JSON: {error}")))
}

/// The functions of the language that stay within it.
fn functions() -> impl Iterator<Item = Fun<Metered>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let within = all.filter(|(name, ..)| !matches!(*name, "env" | "halt" | "range"));
    let halt: RunPtr<Metered> = |_| bome(Err(Error::str("halt ends no program here")));
    within
        .chain([native::run::<Metered>(("range", v(3), range)), native::run::<Metered>(("halt", v(1), halt))])
}

/// `range($from; $to; $by)`, which takes steps.
fn range(mut call: jaq_core::Cv<'_, Metered>) -> ValXs<'_, Val> {
    let meter = call.0.data().meter;
    let (by, to, from) = (call.0.pop_var(), call.0.pop_var(), call.0.pop_var());
    let zero = Val::from(0_isize);
    let mut next = Some(from);
    Box::new(std::iter::from_fn(move || {
        meter.step(RANGE_STEP);
        let value = next.take()?;
        let within = match by.cmp(&zero) {
            std::cmp::Ordering::Greater => value < to,
            std::cmp::Ordering::Less => value > to,
            std::cmp::Ordering::Equal => value != to,
        };
        within.then(|| {
            next = Some((value.clone() + by.clone())?);
            Ok(value)
        })
    }))
}

/// A value as JSON on one line. What is no JSON becomes what jq makes of it.
fn to_json(value: Val, meter: &Meter<'_>) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    write::write(&mut bytes, &write::Pp::default(), 0, &as_json(value, meter))
        .map_err(|error| failure(error.to_string()))?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Not a number, infinite numbers, bytes and keys that are no strings have no place in JSON. What a value has in many places, and
/// takes little memory, is written out at each: that takes steps.
fn as_json(value: Val, meter: &Meter<'_>) -> Val {
    meter.step(1);
    match value {
        Val::Num(Num::Float(number)) if number.is_nan() => Val::Null,
        Val::Num(Num::Float(number)) => Val::Num(Num::Float(number.clamp(f64::MIN, f64::MAX))),
        Val::BStr(bytes) => Val::from(String::from_utf8_lossy(&bytes).into_owned()),
        Val::Arr(values) => values.iter().cloned().map(|value| as_json(value, meter)).collect(),
        Val::Obj(fields) => {
            let field = |(key, value): (&Val, &Val)| (key_of(key), as_json(value.clone(), meter));
            Val::obj(fields.iter().map(field).collect::<Map>())
        }
        other => other,
    }
}

fn key_of(key: &Val) -> Val {
    match key {
        Val::TStr(_) => key.clone(),
        other => Val::from(other.to_string()),
    }
}

/// Whether a JSON text has more levels than this. It may be no JSON at all.
fn is_nested_deeper(json: &str, levels: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > levels {
                    return true;
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// What a filter threw.
fn thrown(exception: Exn<'_, Val>) -> Failure {
    match exception.get_err() {
        Ok(error) => match error.into_val() {
            Val::TStr(text) => failure(String::from_utf8_lossy(&text)),
            other => failure(other.to_string()),
        },
        Err(_) => failure("the filter breaks out of nothing"),
    }
}

/// A filter that does not follow the grammar: the first mistake.
fn unreadable(text: &str, errors: &load::Errors<&str, ()>) -> Failure {
    let Some((file, error)) = errors.first() else { return failure("the filter is not understood") };
    let place = |part: &str| place(text, file.code, part);
    match error {
        LoadError::Io(failed) => match failed.first() {
            Some((path, why)) => failure(format!("{why}{}", place(path))),
            None => failure("a file cannot be read"),
        },
        LoadError::Lex(failed) => match failed.first() {
            Some((load::lex::Expect::Delim(open), _)) => {
                failure(format!("`{open}` is not closed{}", place(open)))
            }
            Some((expected, found)) => failure(match found.chars().next() {
                Some(letter) => format!("{letter:?} is not understood{}", place(found)),
                None => missing(expected.as_str(), found, &place),
            }),
            None => failure("the filter is not understood"),
        },
        LoadError::Parse(failed) => match failed.first() {
            Some((expected, found)) => failure(missing(expected.as_str(), found, &place)),
            None => failure("the filter is not understood"),
        },
    }
}

fn missing(expected: &str, found: &str, place: &impl Fn(&str) -> String) -> String {
    if found.is_empty() {
        return format!("{expected} is missing at the end");
    }
    let shown: String = found.chars().take(20).collect();
    format!("{shown:?} stands where {expected} should{}", place(found))
}

/// A filter that uses what is not there: the first of it.
fn undefined(text: &str, errors: &jaq_core::compile::Errors<&str, ()>) -> Failure {
    let Some((file, Some((name, kind)))) = errors.first().map(|(file, errors)| (file, errors.first())) else {
        return failure("the filter is not understood");
    };
    let place = place(text, file.code, name);
    let told = match kind {
        Undefined::Filter(0) => failure(format!("there is no filter `{name}`{place}")),
        Undefined::Filter(1) => failure(format!("there is no filter `{name}` that takes an argument{place}")),
        Undefined::Filter(count) => {
            failure(format!("there is no filter `{name}` that takes {count} arguments{place}"))
        }
        other => failure(format!("there is no {} `{name}`{place}", other.as_str())),
    };
    match *name {
        "env" | "$ENV" => told.hint("filters do not see the environment, where secrets may be"),
        "input" | "inputs" => told.hint("a filter sees one record at a time"),
        _ => told,
    }
}

/// Where a part of a filter stands, by its column.
fn place(text: &str, code: &str, part: &str) -> String {
    // A mistake elsewhere than in what was typed has no place in it.
    if text != code || part.is_empty() {
        return String::new();
    }
    match code.get(..span(code, part).start) {
        Some(before) => format!(" (column {})", before.chars().count() + 1),
        None => String::new(),
    }
}

fn failure(message: impl AsRef<str>) -> Failure {
    let message = message.as_ref();
    match message.char_indices().nth(MOST_TOLD) {
        Some((end, _)) => Failure::usage(format!("jq: {}…", message.get(..end).unwrap_or(message))),
        None => Failure::usage(format!("jq: {message}")),
    }
}
