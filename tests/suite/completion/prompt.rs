//! Somebody at the prompt of a shell that completes `concierge` as its help says to set it up.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use support::process::program;
use support::terminal::{Setup, Terminal};

/// How long somebody presses Tab again while an answer does not come, as on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tells the words that the shell made of a line, which is how the line would have been understood.
const WORDS: &str = "#!/bin/sh
number=$1
shift
printf '%s\\n' \"$@\" > \"$HOME/words\"
echo \"told $number\"
";

const READY: &str = "ready>";

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    pub(super) const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// What it reads when it starts, and where that stands.
    fn settings(self) -> (&'static str, &'static str) {
        match self {
            Self::Bash => (".bashrc", "PS1='ready> '\nsource <(concierge completion bash)\n"),
            Self::Zsh => (
                ".zshrc",
                "PS1='ready> '\nautoload -U compinit; compinit -u\nsource <(concierge completion zsh)\n",
            ),
            Self::Fish => (
                ".config/fish/config.fish",
                "function fish_prompt; echo 'ready> '; end\nset fish_greeting\nconcierge completion fish | source\n",
            ),
        }
    }
}

/// The prompt of a shell, in a home of its own where the shell also is.
pub(super) struct Prompt {
    shell: Shell,
    terminal: Terminal,
    pub home: tempfile::TempDir,
    asked: usize,
}

impl Prompt {
    /// Opens a shell whose `concierge` finds that gateway.
    pub(super) fn open(shell: Shell, url: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let (file, settings) = shell.settings();
        write(&home.path().join(file), settings)?;
        let words = home.path().join("bin/words");
        write(&words, WORDS)?;
        std::fs::set_permissions(&words, std::fs::Permissions::from_mode(0o755))?;
        let program = program("concierge")?;
        let folder = program.parent().context("the program lies in a folder")?;
        let path = std::env::var("PATH")?;
        let path = format!("{}:{}:{path}", folder.display(), home.path().join("bin").display());
        let setup = Setup::default()
            .variable("HOME", home.path().to_string_lossy())
            .variable("PATH", &path)
            .variable("CONCIERGE_URL", url);
        let arguments = ["-c", "cd && exec \"$0\" -i", shell.name()];
        let terminal = setup.start(Path::new("/bin/sh"), &arguments)?;
        let mut prompt = Self { shell, terminal, home, asked: 0 };
        prompt.wait()?;
        Ok(prompt)
    }

    /// Types a line, Tab, and the rest: the words that the shell takes it for.
    pub(super) fn complete(&mut self, line: &str, rest: &str) -> Result<Vec<String>> {
        self.asked += 1;
        let number = self.asked;
        // Keys wait their turn: the shell reads those after Tab when it has completed.
        self.terminal.keys(&format!("{line}\t{rest}\x01words {number} \r"))?;
        self.terminal
            .wait_for(&format!("told {number}"))
            .with_context(|| format!("{}: {line}", self.shell.name()))?;
        self.wait()?;
        let words = std::fs::read_to_string(self.home.path().join("words"))?;
        Ok(words.lines().map(ToOwned::to_owned).collect())
    }

    /// Completes a line until that gives these words, as the names of who is there come from a gateway that has only a
    /// moment to answer.
    pub(super) fn expect(&mut self, line: &str, rest: &str, words: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let completed = self.complete(line, rest).unwrap();
            if completed == words {
                return;
            }
            let shell = self.shell.name();
            assert!(Instant::now() < deadline, "{shell}: {line} became {completed:?}, not {words:?}");
        }
    }

    /// Whether there is a file of that name in the home, where the shell is.
    pub(super) fn has(&self, name: &str) -> bool {
        self.home.path().join(name).exists()
    }

    fn wait(&mut self) -> Result<()> {
        let what = format!("{} is ready", self.shell.name());
        self.terminal.wait_until(&what, |screen| screen.cursor_row() == READY)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::create_dir_all(path.parent().context("it lies in a folder")?)?;
    Ok(std::fs::write(path, text)?)
}
