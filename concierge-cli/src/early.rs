//! Where errors go while arguments make no sense as a whole, or before they are looked at: as far as they tell.

use std::ffi::OsString;

use clap::ValueEnum;

use crate::{
    console::Console,
    output::{ColorChoice, Format, Output},
};

/// Where errors go while it is not settled what was asked for.
pub(crate) fn early_output(arguments: &[OsString], console: &Console) -> Output {
    let format = if asks_for_json(arguments) { Format::Json } else { Format::Human };
    Output::new(console, format.into(), color_asked_for(arguments), false)
}

/// When to colour, as far as arguments tell that make no sense as a whole.
fn color_asked_for(arguments: &[OsString]) -> ColorChoice {
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let mut choices = words.iter().zip(words.iter().skip(1).map(Some).chain([None]));
    choices
        .find_map(|(word, next)| match word.strip_prefix("--color") {
            Some("") => next.map(|next| &**next),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        })
        .and_then(|choice| ColorChoice::from_str(choice, true).ok())
        .unwrap_or_default()
}

/// Whether errors are to be JSON, as far as arguments tell that make no sense as a whole.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let is_json = |format: &str| matches!(format, "json" | "ndjson");
    let whole = |word: &str| {
        let format = ["--output=", "-o=", "-o"].iter().find_map(|option| word.strip_prefix(option));
        word == "--json" || word == "--jq" || word.starts_with("--jq=") || format.is_some_and(is_json)
    };
    let apart = |option: &str, value: &str| matches!(option, "-o" | "--output") && is_json(value);
    words.iter().any(|word| whole(word))
        || words.iter().zip(words.iter().skip(1)).any(|(option, value)| apart(option, value))
}
