//! Paths: where a file is within its client's folder, as a URL or an upload names it.

use std::borrow::Borrow;
use std::fmt;

/// A file's path within a client's folder: names with `/` between them.
///
/// It is a name and never a place on a disk. Still it is held to what every file system can take, because whoever downloads it may
/// save it under this name.
///
/// ```
/// use concierge_server::files::FilePath;
/// assert_eq!(FilePath::from_url("maps/north%20pole.json").unwrap().as_str(), "maps/north pole.json");
/// assert!(FilePath::from_url("..%2fsecret").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

/// Why a path is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathRefusal {
    /// It has more than [`FilePath::MAX_BYTES`].
    #[error("a path has at most {} bytes", FilePath::MAX_BYTES)]
    TooLong,
    /// It has more than [`FilePath::MAX_DEPTH`] names.
    #[error("a path goes at most {} folders deep", FilePath::MAX_DEPTH)]
    TooDeep,
    /// A percent sign without two hexadecimal digits behind it.
    #[error("a percent sign in a path is followed by two hexadecimal digits")]
    BadEscape,
    /// What the percent signs say is not UTF-8.
    #[error("a path is UTF-8")]
    NotUtf8,
    /// A name is empty: the path begins, ends or goes on with a `/`.
    #[error("no name in a path is empty")]
    EmptyName,
    /// A name is `.` or `..`.
    #[error("no name in a path is . or ..")]
    Dots,
    /// A name has more than [`FilePath::MAX_NAME_BYTES`].
    #[error("a name in a path has at most {} bytes", FilePath::MAX_NAME_BYTES)]
    LongName,
    /// A name has a character that a file system or a terminal would act upon.
    #[error(
        "a name in a path has no control characters, no direction overrides and none of \\ / : * ? \" < > |"
    )]
    BadCharacter,
    /// A name ends with a dot or a space, which some file systems leave out.
    #[error("no name in a path ends with a dot or a space, or begins with a space")]
    BadEdge,
    /// A name means a device on some systems, such as `NUL` or `COM1`.
    #[error("a name in a path is reserved for a device")]
    Reserved,
}

impl FilePath {
    /// The longest path, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// The longest name in it, in bytes.
    pub const MAX_NAME_BYTES: usize = 255;

    /// The most names in it.
    pub const MAX_DEPTH: usize = 32;

    /// Reads a path as it stands in a URL. Percent signs are decoded exactly once, and after the names are told apart: an encoded
    /// slash is a character of a name, and no name has one.
    ///
    /// # Errors
    ///
    /// [`PathRefusal`] says which rule it breaks.
    pub fn from_url(encoded: &str) -> Result<Self, PathRefusal> {
        // Three bytes for one is what an encoded path takes at most.
        if encoded.len() > 3 * Self::MAX_BYTES {
            return Err(PathRefusal::TooLong);
        }
        let names = encoded.split('/').map(decode).collect::<Result<Vec<_>, _>>()?;
        Self::from_names(&names)
    }

    /// Reads a path as an upload gives it, without percent signs that mean something.
    ///
    /// # Errors
    ///
    /// [`PathRefusal`] says which rule it breaks.
    pub fn from_text(text: &str) -> Result<Self, PathRefusal> {
        if text.len() > Self::MAX_BYTES {
            return Err(PathRefusal::TooLong);
        }
        Self::from_names(&text.split('/').map(str::to_owned).collect::<Vec<_>>())
    }

    fn from_names(names: &[String]) -> Result<Self, PathRefusal> {
        for name in names {
            check_name(name)?;
        }
        if names.len() > Self::MAX_DEPTH {
            return Err(PathRefusal::TooDeep);
        }
        let path = names.join("/");
        if path.len() > Self::MAX_BYTES { Err(PathRefusal::TooLong) } else { Ok(Self(path)) }
    }

    /// The path, decoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last name: what a download is saved under.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The folders it is in, the outermost first.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        self.0.match_indices('/').map(|(at, _)| self.0.get(..at).unwrap_or_default())
    }
}

/// A path is found among others by its text.
impl Borrow<str> for FilePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// Decodes what stands between two slashes of a URL.
fn decode(encoded: &str) -> Result<String, PathRefusal> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = (hex(bytes.next()), hex(bytes.next()));
                let (Some(high), Some(low)) = digits else { return Err(PathRefusal::BadEscape) };
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| PathRefusal::NotUtf8)
}

fn hex(digit: Option<u8>) -> Option<u8> {
    char::from(digit?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn check_name(name: &str) -> Result<(), PathRefusal> {
    if name.is_empty() {
        Err(PathRefusal::EmptyName)
    } else if name == "." || name == ".." {
        Err(PathRefusal::Dots)
    } else if name.len() > FilePath::MAX_NAME_BYTES {
        Err(PathRefusal::LongName)
    } else if name.contains(is_refused) {
        Err(PathRefusal::BadCharacter)
    } else if name.ends_with(['.', ' ']) || name.starts_with(' ') {
        Err(PathRefusal::BadEdge)
    } else if is_device(name) {
        Err(PathRefusal::Reserved)
    } else {
        Ok(())
    }
}

/// What no name has: what ends a path or a name on some system, and what turns text around or hides in it.
fn is_refused(character: char) -> bool {
    character.is_control()
        || matches!(character, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        || matches!(character, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Whether a name means a device on Windows, whatever its extension.
fn is_device(name: &str) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    if DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device)) {
        return true;
    }
    let Some(number) = ["COM", "LPT"]
        .iter()
        .find_map(|port| stem.get(..3).filter(|start| start.eq_ignore_ascii_case(port)).and(stem.get(3..)))
    else {
        return false;
    };
    matches!(number, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_paths_are_taken_as_they_are() {
        for (encoded, decoded) in [
            ("a", "a"),
            ("a/b/c.txt", "a/b/c.txt"),
            ("gr%C3%B6%C3%9Fe", "größe"),
            ("größe", "größe"),
            ("%E6%97%A5%E6%9C%AC", "日本"),
            ("north%20pole", "north pole"),
            ("...a", "...a"),
            (".hidden", ".hidden"),
            ("a+b&c=d;e,f@g!h'(i)~$", "a+b&c=d;e,f@g!h'(i)~$"),
            ("100%25", "100%"),
            ("%252e%252e", "%2e%2e"),
            ("console", "console"),
            ("com10", "com10"),
        ] {
            assert_eq!(FilePath::from_url(encoded).map(|path| path.0), Ok(decoded.to_owned()), "{encoded}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_told_by_the_rule_it_breaks() {
        for (encoded, refusal) in [
            ("", PathRefusal::EmptyName),
            ("/a", PathRefusal::EmptyName),
            ("a/", PathRefusal::EmptyName),
            ("a//b", PathRefusal::EmptyName),
            ("..", PathRefusal::Dots),
            ("a/../b", PathRefusal::Dots),
            ("%2e%2e/b", PathRefusal::Dots),
            (".%2E", PathRefusal::Dots),
            ("a/.", PathRefusal::Dots),
            ("..%2fb", PathRefusal::BadCharacter),
            ("a%5cb", PathRefusal::BadCharacter),
            ("a%00", PathRefusal::BadCharacter),
            ("c:%5cwindows", PathRefusal::BadCharacter),
            ("a%0d%0ab", PathRefusal::BadCharacter),
            ("a%E2%80%AEb", PathRefusal::BadCharacter),
            ("a%", PathRefusal::BadEscape),
            ("a%2", PathRefusal::BadEscape),
            ("a%zz", PathRefusal::BadEscape),
            ("%ff", PathRefusal::NotUtf8),
            ("%c0%ae%c0%ae", PathRefusal::NotUtf8),
            ("nul", PathRefusal::Reserved),
            ("a/COM1.txt", PathRefusal::Reserved),
            ("aux .txt", PathRefusal::Reserved),
            ("a.", PathRefusal::BadEdge),
            ("a%20", PathRefusal::BadEdge),
        ] {
            assert_eq!(FilePath::from_url(encoded), Err(refusal), "{encoded}");
        }
    }

    #[test]
    fn paths_have_bounds() {
        let name = "x".repeat(FilePath::MAX_NAME_BYTES);
        assert!(FilePath::from_text(&name).is_ok());
        assert_eq!(FilePath::from_text(&(name.clone() + "x")), Err(PathRefusal::LongName));
        let long = [name.as_str(); 5].join("/");
        assert_eq!(FilePath::from_url(&long), Err(PathRefusal::TooLong));
        assert_eq!(FilePath::from_text(&long), Err(PathRefusal::TooLong));
        assert_eq!(FilePath::from_url(&["a"; 33].join("/")), Err(PathRefusal::TooDeep));
        assert!(FilePath::from_url(&["a"; 32].join("/")).is_ok());
    }

    #[test]
    fn a_path_knows_its_folders_and_its_name() {
        let path = FilePath::from_text("a/b/c").unwrap();
        assert_eq!((path.folders().collect::<Vec<_>>(), path.file_name()), (vec!["a", "a/b"], "c"));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_safe(encoded in "[a-z./%0-9A-F\\\\ü ]{0,40}") {
            if let Ok(path) = FilePath::from_url(&encoded) {
                prop_assert!(!path.as_str().starts_with('/') && !path.as_str().contains(['\\', '\0']));
                prop_assert!(path.as_str().split('/').all(|name| !matches!(name, "" | "." | "..")));
                prop_assert_eq!(FilePath::from_text(path.as_str()), Ok(path));
            }
        }
    }
}
