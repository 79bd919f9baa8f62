//! `help environment`: the variables that are read and the files that are used.

use crate::{
    output::{Cell, Palette, Table},
    settings::reference,
};

/// The variables besides those of settings, and what each says.
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("NO_COLOR", "no colours, unless --color always"),
    ("TERM", "dumb: no colours, and the REPL reads lines as they come"),
    ("SHELL", "what runs commands in the REPL, and whose completions `doctor` looks for"),
    ("USER, LOGNAME", "the login name, which the REPL joins under"),
    ("HTTPS_PROXY, HTTP_PROXY", "the proxy for wss: and for ws:, in lower case too"),
    ("ALL_PROXY, NO_PROXY", "the proxy for both, and the hosts that need none"),
    ("XDG_CONFIG_HOME", "where the settings are kept [default: ~/.config]"),
    ("XDG_STATE_HOME", "where the history is kept [default: ~/.local/state]"),
    ("XDG_RUNTIME_DIR", "where held sessions listen"),
    ("HOME", "where the defaults of these are"),
    ("CONCIERGE_EVENT_TOKEN", "an auth token for `event listen`, which works once"),
    ("CONCIERGE_SERVER_<KEY>", "a setting of `concierge server`, dots as __"),
];

/// The files, and what is in each.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("$XDG_CONFIG_HOME/concierge/config.toml", "settings and contexts"),
    (".concierge.toml", "a project's settings, here or above; no secrets"),
    ("$XDG_STATE_HOME/concierge/history/", "what was typed in the REPL, yours alone"),
    ("$XDG_RUNTIME_DIR/concierge/NAME.sock", "where a held session listens"),
];

/// `help environment`
pub(super) fn page() -> String {
    format!(
        "Environment: flags win over variables, which win over files, which win over the defaults.\n\n\
         Settings, as they are called in a file, as variables and as flags:\n\n{}\nOther variables:\n\n{}\n\
         Files:\n\n{}",
        reference(),
        rows(VARIABLES),
        rows(FILES)
    )
}

fn rows(rows: &[(&str, &str)]) -> String {
    let mut table = Table::default();
    for (name, about) in rows {
        table.row([Cell::plain(format!("  {name}")), Cell::plain(*about)]);
    }
    table.render(Palette::default())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The variables that the sources read.
    fn read_by(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_by(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.split(".var(\"").skip(1).filter_map(|rest| rest.split('"').next());
                found.extend(names.map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_variable_that_is_read_stands_in_the_help() {
        let mut read = Vec::new();
        read_by(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut read);
        assert!(read.len() > 4, "the sources read no variables: {read:?}");
        let page = page();
        for name in read {
            assert!(page.contains(&name), "{name} is not in `help environment`");
        }
    }
}
