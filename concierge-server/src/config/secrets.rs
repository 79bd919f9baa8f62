//! Secrets: where they may stand, how they are read, and the names that have secrets of their own.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::Path;

use concierge_client::payload::{ClientName, Secret};

use super::Reserved;
use super::value::Given;

/// The two ways to give a secret, which are one setting: as it is, and by a file that has it.
const WAYS: [(&str, &str); 2] =
    [("secret", "secret_file"), ("metrics.admin_secret", "metrics.admin_secret_file")];

/// What a table of a reserved name may have.
const KEYS: [&str; 3] = ["name", "secret", "secret_file"];

/// The other way to give the same secret.
pub(super) fn other_way(key: &str) -> Option<&'static str> {
    WAYS.iter().find_map(|(plain, file)| match key {
        key if key == *plain => Some(*file),
        key if key == *file => Some(*plain),
        _ => None,
    })
}

/// Whether a secret stands in a value as it is: then nobody else may read where that stands.
pub(super) fn holds_secret(key: &str, given: &Given) -> bool {
    match key {
        "reserved" => {
            tables(given).is_some_and(|tables| tables.iter().any(|table| table.contains_key("secret")))
        }
        key => WAYS.iter().any(|(plain, _)| *plain == key),
    }
}

/// The names that have secrets of their own.
pub(super) fn reserved(given: &Given) -> Result<Vec<Reserved>, String> {
    let expected = "expected tables with name and secret_file, such as [{ name = \"chat\", secret_file = \"chat.secret\" }]";
    let mut names: Vec<Reserved> = Vec::new();
    for table in tables(given).ok_or(expected)? {
        let reserved = reserved_name(&table)?;
        if names.iter().any(|other| other.name == reserved.name) {
            return Err(format!("{:?} is there twice: leave one of them out", reserved.name.as_str()));
        }
        names.push(reserved);
    }
    Ok(names)
}

/// Variables and flags have the array as a file would have it.
fn tables(given: &Given) -> Option<Vec<toml::Table>> {
    let value = match given {
        Given::Toml(value) => value.clone(),
        Given::Text(text) => format!("value = {text}").parse::<toml::Table>().ok()?.remove("value")?,
    };
    value.try_into().ok()
}

fn reserved_name(table: &toml::Table) -> Result<Reserved, String> {
    if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("unknown key {unknown:?}: a reserved name has {}", KEYS.join(", ")));
    }
    let text = |key: &str| match table.get(key).map(toml::Value::as_str) {
        None => Ok(None),
        Some(Some(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(format!("{key} is not a text, or is empty")),
    };
    let name = text("name")?.ok_or("a table has no name")?;
    let name: ClientName =
        name.parse().map_err(|error| format!("{name:?} is no name of a client: {error}"))?;
    let secret = match (text("secret")?, text("secret_file")?) {
        (Some(secret), None) => Secret::new(secret),
        (None, Some(path)) => read_secret(Path::new(path))?,
        (None, None) => return Err(format!("{:?} needs secret or secret_file", name.as_str())),
        (Some(_), Some(_)) => {
            return Err(format!("{:?} has secret and secret_file: leave one of them out", name.as_str()));
        }
    };
    Ok(Reserved { name, secret })
}

/// The one line of a file that strangers cannot read.
pub(super) fn read_secret(path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let text = private_lines(path)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        Err(format!("{shown} is empty: write the secret into it"))
    } else if secret.contains(['\r', '\n']) {
        Err(format!("{shown} has more than one line: write the secret into it and nothing else"))
    } else {
        Ok(Secret::new(secret))
    }
}

/// The text of a file with secrets, which strangers cannot read.
pub(super) fn private_lines(path: &Path) -> Result<String, String> {
    /// More than any secrets need: a file given by mistake is not read to its end.
    const MOST: u64 = 4096;
    let file = open_private(path)?;
    let mut text = String::new();
    file.take(MOST + 1).read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
    if text.len() as u64 > MOST {
        return Err(format!("{} is larger than a secret can be, which is {MOST} bytes", path.display()));
    }
    Ok(text)
}

/// Opens a file that strangers cannot read.
pub(super) fn open_private(path: &Path) -> Result<File, String> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    if is_open_to_strangers(&file.metadata().map_err(|error| unreadable(path, &error))?) {
        return Err(format!("every user of this machine can read {}: `chmod 600` it", path.display()));
    }
    Ok(file)
}

/// That a file cannot be read.
pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}

/// Whether users who are neither the owner nor of its group can read a file.
pub(super) fn is_open_to_strangers(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source, Sources};

    fn refusal(text: &str) -> String {
        Config::from_toml(text).expect_err(text).to_string()
    }

    #[test]
    fn a_reserved_name_has_a_secret_of_its_own() {
        let text = "[[reserved]]\nname = \"chat\"\nsecret = \"sesame\"\n[[reserved]]\nname = \"söö\"\nsecret = \"b\"";
        let config = Config::from_toml(text).unwrap();
        let names: Vec<_> =
            config.reserved.iter().map(|one| (one.name.as_str(), one.secret.reveal())).collect();
        assert_eq!(names, [("chat", "sesame"), ("söö", "b")]);
        assert!(!format!("{config:?}").contains("sesame"), "{config:?}");
        assert_eq!(config.source("reserved"), Source::Text);
    }

    #[test]
    fn what_is_wrong_with_a_reserved_name_is_said() {
        for (tables, part) in [
            ("\"chat\"", "expected tables with name and secret_file"),
            ("[\"chat\"]", "expected tables with name and secret_file"),
            ("[{ secret = \"sesame\" }]", "a table has no name"),
            ("[{ name = \"chat\" }]", "\"chat\" needs secret or secret_file"),
            ("[{ name = \"chat\", secret = \"sesame\", secret_file = \"/x\" }]", "leave one of them out"),
            ("[{ name = \"chat\", secret = \"\" }]", "secret is not a text, or is empty"),
            ("[{ name = \"chat\", secret = 7 }]", "secret is not a text, or is empty"),
            ("[{ name = \"a b\", secret = \"sesame\" }]", "\"a b\" is no name of a client: "),
            ("[{ name = \"chat\", sekret = \"sesame\" }]", "unknown key \"sekret\""),
            ("[{ name = \"chat\", secret_file = \"/nowhere\" }]", "cannot read /nowhere"),
            (
                "[{ name = \"a\", secret = \"sesame\" }, { name = \"a\", secret = \"b\" }]",
                "\"a\" is there twice",
            ),
        ] {
            let message = refusal(&format!("reserved = {tables}"));
            assert!(message.starts_with("`reserved` in the configuration: "), "{message}");
            assert!(message.contains(part) && !message.contains("sesame"), "{tables}: {message}");
        }
        let one = "reserved = [{ name = \"söö\", secret = \"sesame\" }]";
        for rule in ["names = \"ascii\"", "limits.name = 2"] {
            assert!(refusal(&format!("{rule}\n{one}")).contains("no client can be called \"söö\""));
        }
    }

    #[test]
    fn the_token_of_administration_is_a_secret_like_any_other() {
        let config = Config::from_toml("metrics.admin_secret = \"sesame\"\nsecret_file = \"/nowhere\"");
        assert!(config.unwrap_err().to_string().starts_with("`secret_file`"), "it is another secret");
        let config = Config::from_toml("metrics.admin_secret = \"sesame\"").unwrap();
        assert!(config.metrics.admin_secret.as_ref().is_some_and(|token| token.reveal() == "sesame"));
        assert!(!format!("{config:?}{}", config.to_toml()).contains("sesame"));
        assert!(
            refusal("metrics = { admin_secret = \"a\", admin_secret_file = \"/b\" }")
                .contains("leave one of them out")
        );
        let refused = Sources::new().flag("metrics.admin_secret", "sesame", "--set").unwrap_err().to_string();
        assert!(refused.contains(
            "use metrics.admin_secret_file, or the variable CONCIERGE_SERVER_METRICS__ADMIN_SECRET"
        ));
    }

    #[test]
    fn a_variable_has_the_array_and_a_command_line_no_secret() {
        let tables = "[{ name = \"chat\", secret = \"sesame\" }]";
        let variable = ("CONCIERGE_SERVER_RESERVED".into(), tables.into());
        let config = Sources::new().variables([variable]).and_then(Sources::resolve).unwrap();
        assert_eq!(config.reserved.len(), 1);
        let refused = Sources::new().flag("reserved", tables, "--set").unwrap_err().to_string();
        assert!(refused.contains("list of processes") && !refused.contains("sesame"), "{refused}");
        let file = "[{ name = \"chat\", secret_file = \"/nowhere\" }]";
        assert!(Sources::new().flag("reserved", file, "--set").is_ok());
    }
}
