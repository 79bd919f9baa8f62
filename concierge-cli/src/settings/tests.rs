//! How the sources rank, what files may hold, which secret goes where: all of it on data.

use std::{path::Path, sync::Arc};

use concierge_client::payload::Secret;

use super::{
    explain::values,
    file::{Kind, parse},
    *,
};
use crate::{args::OutputArgs, console::Console};

const USER: &str = "/home/al/.config/concierge/config.toml";
const PROJECT: &str = "/work/shop/.concierge.toml";

/// What was said, by whom.
#[derive(Default, Clone, Copy)]
struct Said<'a> {
    flags: Option<&'a Global>,
    variables: &'a [(&'a str, &'a str)],
    project: &'a str,
    user: &'a str,
}

fn parsed(text: &str, kind: Kind) -> Result<Parsed, Vec<Failure>> {
    let path = if kind == Kind::User { USER } else { PROJECT };
    parse(text, &Arc::from(Path::new(path)), kind, Some(Path::new("/home/al")))
}

impl Said<'_> {
    fn resolve(self) -> Result<Resolved, Failure> {
        let environment = Console::in_memory("", self.variables.iter().copied()).0.environment;
        resolve(Sources {
            flags: Layer::of_flags(self.flags.unwrap_or(&Global::default()))?,
            environment: Layer::of_environment(&environment)?,
            project: parsed(self.project, Kind::Project).map_err(first)?,
            user: parsed(self.user, Kind::User).map_err(first)?,
            no_color: environment.var("NO_COLOR").is_some(),
        })
    }

    fn resolved(self) -> Resolved {
        self.resolve().unwrap()
    }

    /// The value of a setting and its origin, as they are shown.
    fn shown(self, key: Key) -> (String, String) {
        let resolved = self.resolved();
        if let (Key::Secret | Key::SecretFile, Some(secret)) = (key, &resolved.choice.sent) {
            return (format!("{:?}", secret.value), secret.origin.to_string());
        }
        let (values, origin) = values(&resolved.layer, key).unwrap_or((Vec::new(), Origin::Default));
        (values.join(","), origin.to_string())
    }
}

/// Flags that set everything.
fn flags() -> Global {
    Global {
        url: Some("flag:1".into()),
        name: Some("flag".parse().unwrap()),
        nickname: Some("flag".parse().unwrap()),
        tag: vec!["flag".parse().unwrap()],
        secret_file: Some("/flag".into()),
        context: Some("flag".parse().unwrap()),
        session: Some("flag".parse().unwrap()),
        timeout: Some(Duration::from_secs(1)),
        output: OutputArgs { output: Some(Format::Tsv), ..OutputArgs::default() },
        color: Some(ColorChoice::Always),
        ..Global::default()
    }
}

/// Each setting with what each source says about it: how it is written in a file, its value in the variable, and how the five values
/// are shown, from the flag's down to the user file's.
const TABLE: &[(Key, [&str; 5], &str)] = &[
    (Key::Url, ["ws://flag:1/ws", "env:1", "context:1", "project:1", "user:1"], "\"\""),
    (Key::Name, ["flag", "env", "context", "project", "user"], "\"\""),
    (Key::Nickname, ["flag", "env", "context", "project", "user"], "\"\""),
    (Key::Tags, ["flag", "env", "context", "project", "user"], "[\"\"]"),
    (Key::Session, ["flag", "env", "context", "project", "user"], "\"\""),
    (Key::Timeout, ["1s", "2s", "3s", "4s", "5s"], "\"\""),
    (Key::Output, ["tsv", "json", "ndjson", "raw", "human"], "\"\""),
    (Key::Color, ["always", "never", "auto", "always", "never"], "\"\""),
];

#[test]
fn each_setting_is_taken_from_the_first_that_gives_it() {
    for (key, [flag, variable, context, project, user], form) in TABLE {
        let setting = key.setting();
        let line =
            |value: &str| format!("{} = {}\n", setting.name, form.replace("\"\"", &format!("{value:?}")));
        let shown = |value: &str| match key {
            Key::Url if !value.contains("://") => format!("ws://{value}/ws"),
            _ => value.to_owned(),
        };
        let user_text =
            format!("{}context = \"lab\"\n[contexts.lab]\n{}[contexts.flag]\n", line(user), line(context));
        let (project_text, variables) = (line(project), [(setting.variable, *variable)]);
        let flags = flags();
        let all =
            Said { flags: Some(&flags), variables: &variables, project: &project_text, user: &user_text };
        let expect = |said: Said<'_>, value: &str, origin: &str| {
            assert_eq!(said.shown(*key), (shown(value), origin.to_owned()), "{}", setting.name);
        };
        expect(all, flag, setting.flag.unwrap());
        let without_flags = Said { flags: None, ..all };
        expect(without_flags, variable, setting.variable);
        let files = Said { variables: &[], ..without_flags };
        expect(files, project, &format!("{PROJECT}:1"));
        expect(Said { project: "", ..files }, context, &format!("context lab, {USER}:4"));
        let plain = line(user);
        expect(Said { project: "", user: &plain, ..files }, user, &format!("{USER}:1"));
        let nothing = Said::default().shown(*key);
        assert_eq!(nothing, (String::new(), "default".to_owned()), "{}", setting.name);
    }
}

#[test]
fn every_setting_is_in_the_table_or_has_a_test_of_its_own() {
    for setting in SETTINGS {
        let elsewhere = matches!(
            setting.key,
            Key::Secret | Key::SecretFile | Key::Context | Key::Api | Key::ApiSecret | Key::ApiSecretFile
        );
        assert!(elsewhere || TABLE.iter().any(|(key, ..)| *key == setting.key), "{}", setting.name);
    }
}

#[test]
fn a_context_ranks_directly_below_what_chooses_it() {
    let user = "url = \"user:1\"\ncontext = \"d\"\n[contexts]\na.url = \"a:1\"\nb.url = \"b:1\"\nc.url = \"c:1\"\nd.url = \"d:1\"";
    let a = Global { context: Some("a".parse().unwrap()), ..Global::default() };
    let url = |said: Said<'_>| said.shown(Key::Url).0;
    let env_url = ("CONCIERGE_URL", "env:1");
    let env_context = ("CONCIERGE_CONTEXT", "b");
    let project = "url = \"project:1\"\ncontext = \"c\"";
    // The flag's context wins over a URL in the environment, and everything else that is said.
    let said = Said { flags: Some(&a), variables: &[env_url, env_context], project, user };
    assert_eq!(url(said), "ws://a:1/ws");
    let said = Said { flags: None, ..said };
    assert_eq!(url(said), "ws://env:1/ws");
    // The environment's context wins over the project file.
    let said = Said { variables: &[env_context], ..said };
    assert_eq!(url(said), "ws://b:1/ws");
    // The project's own URL wins over its context, which wins over the user's.
    let said = Said { variables: &[], ..said };
    assert_eq!(url(said), "ws://project:1/ws");
    let said = Said { project: "context = \"c\"", ..said };
    assert_eq!(url(said), "ws://c:1/ws");
    let said = Said { project: "", ..said };
    assert_eq!(url(said), "ws://d:1/ws");
    assert_eq!(said.shown(Key::Context), ("d".into(), format!("{USER}:2")));
}

#[test]
fn a_gateway_that_ranks_above_a_session_is_connected_to() {
    let session = |said: Said<'_>| said.shown(Key::Session).0;
    let user = "session = \"bot\"\n[contexts.lab]\nurl = \"lab:1\"\n[contexts.held]\nurl = \"lab:1\"\nsession = \"lab\"";
    let said = Said { user, ..Said::default() };
    assert_eq!(session(said), "bot");
    assert_eq!(session(Said { variables: &[("CONCIERGE_URL", "a:1")], ..said }), "");
    assert_eq!(
        session(Said { variables: &[("CONCIERGE_URL", "a:1"), ("CONCIERGE_SESSION", "x")], ..said }),
        "x"
    );
    let context = |name: &str| Global { context: Some(name.parse().unwrap()), ..Global::default() };
    let variables = &[("CONCIERGE_SESSION", "x")];
    assert_eq!(session(Said { flags: Some(&context("lab")), variables, ..said }), "");
    assert_eq!(session(Said { flags: Some(&context("held")), variables, ..said }), "lab");
}

#[test]
fn an_unknown_context_is_told_with_what_was_meant() {
    let user = "[contexts.lab]\nurl = \"lab:1\"";
    let flags = Global { context: Some("lba".parse().unwrap()), ..Global::default() };
    let failure = Said { flags: Some(&flags), user, ..Said::default() }.resolve().unwrap_err();
    assert_eq!(
        (failure.message(), failure.hinted()),
        ("there is no context \"lba\"", Some("did you mean \"lab\"?"))
    );
    let failure = Said { project: "\ncontext = \"prod\"", user, ..Said::default() }.resolve().unwrap_err();
    assert_eq!(failure.message(), "/work/shop/.concierge.toml:2: there is no context \"prod\"");
    assert_eq!(failure.hinted(), Some("`concierge context ls` lists those there are"));
    let failure = Said { variables: &[("CONCIERGE_CONTEXT", "x")], ..Said::default() }.resolve().unwrap_err();
    assert_eq!(failure.message(), "CONCIERGE_CONTEXT: there is no context \"x\"");
    assert_eq!(failure.hinted(), Some("to add it: concierge context add x --url URL"));
}

#[test]
fn no_color_wins_over_all_but_the_flag() {
    let no_color = &[("NO_COLOR", "1"), ("CONCIERGE_COLOR", "always")];
    let said = Said { variables: no_color, user: "color = \"always\"", ..Said::default() };
    assert_eq!(said.shown(Key::Color), ("never".into(), "NO_COLOR".into()));
    let flags = Global { color: Some(ColorChoice::Always), ..Global::default() };
    assert_eq!(Said { flags: Some(&flags), ..said }.shown(Key::Color), ("always".into(), "--color".into()));
}

#[test]
fn what_is_wrong_with_a_variable_is_told_with_its_name() {
    for (variable, value, message) in [
        ("CONCIERGE_NAME", "no spaces", "CONCIERGE_NAME: "),
        ("CONCIERGE_TIMEOUT", "soon", "CONCIERGE_TIMEOUT: expected a time span such as 10s, 500ms or 1h30m"),
        (
            "CONCIERGE_OUTPUT",
            "xml",
            "CONCIERGE_OUTPUT: expected one of human, json, ndjson, tsv, raw, not \"xml\"",
        ),
        ("CONCIERGE_URL", "http://x/", "CONCIERGE_URL: "),
        (
            "CONCIERGE_CONTEXT",
            "../x",
            "CONCIERGE_CONTEXT: a name has letters, digits, `-`, `_` and `.`, but no '/'",
        ),
    ] {
        let failure = Said { variables: &[(variable, value)], ..Said::default() }.resolve().unwrap_err();
        assert!(failure.message().starts_with(message), "{failure:?}");
    }
    let tags = Said { variables: &[("CONCIERGE_TAGS", "demo, bot,")], ..Said::default() };
    assert_eq!(tags.shown(Key::Tags).0, "demo,bot");
}

fn failures(text: &str, kind: Kind) -> Vec<(String, String)> {
    let failures = parsed(text, kind).err().unwrap_or_default();
    let shown = |failure: Failure| {
        let message = failure.message().replace(USER, "USER").replace(PROJECT, "PROJECT");
        (message, failure.hinted().unwrap_or_default().to_owned())
    };
    failures.into_iter().map(shown).collect()
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    for (text, message, hint) in [
        ("\nurll = \"a:1\"", "USER:2: there is no setting \"urll\"", "did you mean `url`?"),
        ("context = 1", "USER:1: context: expected a text in quotes, not a number", ""),
        (
            "tags = \"a\"",
            "USER:1: tags: expected a list of texts, such as [\"demo\", \"bot\"], not a text",
            "",
        ),
        (
            "tags = [1]",
            "USER:1: tags: expected a list of texts, such as [\"demo\", \"bot\"], not a list of something else",
            "",
        ),
        ("timeout = true", "USER:1: timeout: expected a time span such as \"10s\", not true or false", ""),
        ("timeout = -1", "USER:1: timeout: expected a time span such as 10s, 500ms or 1h30m", ""),
        ("color = \"red\"", "USER:1: color: expected one of auto, always, never, not \"red\"", ""),
        ("contexts = 3", "USER:1: contexts: expected a table for each context", ""),
        ("[contexts]\nlab = 3", "USER:2: contexts.lab: expected a table", ""),
        (
            "[contexts.\"a b\"]",
            "USER:1: contexts.\"a b\": a name has letters, digits, `-`, `_` and `.`, but no ' '",
            "",
        ),
        (
            "[contexts.lab]\nurl = \"a:1\"\nnmae = \"x\"",
            "USER:3: there is no setting \"nmae\"",
            "did you mean `name`?",
        ),
        ("[contexts.lab]\ncontext = \"x\"", "USER:2: there is no setting \"context\"", ""),
        ("secret = \"x\"", "USER:1: secret does not stand alone: it belongs to one gateway", ""),
        (
            "[contexts.lab]\nsecret = \"x\"\nsecret_file = \"y\"",
            "USER:3: secret_file: there is a secret already: `secret` and `secret_file` exclude each other",
            "",
        ),
        ("[contexts.lab]\nsecret = \"\"", "USER:2: secret: the secret is empty", ""),
        ("previous_context = 7", "USER:1: previous_context: expected the name of a context", ""),
    ] {
        let failures = failures(text, Kind::User);
        let [(told, hinted)] = failures.as_slice() else { panic!("{text}: {failures:?}") };
        assert_eq!(told, message, "{text}");
        assert!(hinted.contains(hint), "{text}: {hinted}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_told_with_the_line() {
    for (text, line) in [("url = ", 1), ("\n\nurl = \"a", 3), ("name = \"a\"\nname = \"b\"", 2)] {
        let failures = failures(text, Kind::User);
        assert!(failures[0].0.starts_with(&format!("USER:{line}: ")), "{failures:?}");
        assert!(!failures[0].0.contains('\n'), "{failures:?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_and_the_first_says_that_there_is_more() {
    assert_eq!(failures("a = 1\nb = 2\nurl = 3", Kind::User).len(), 3);
    let failure = Said { user: "a = 1\nb = 2\nurl = 3", ..Said::default() }.resolve().unwrap_err();
    assert!(failure.message().ends_with("(and 2 more: `concierge config check` tells all)"), "{failure:?}");
}

#[test]
fn a_project_file_may_set_neither_secrets_nor_contexts() {
    for key in ["secret", "secret_file", "api_key", "api_key_file", "contexts", "previous_context"] {
        let failures = failures(&format!("# mine\n{key} = \"x\""), Kind::Project);
        let expected = format!("PROJECT:2: a project file may not set {key}: it may come from anywhere");
        assert_eq!(failures[0].0, expected);
    }
    assert!(failures("[contexts.x]\nsecret = \"y\"", Kind::Project)[0].0.contains("may not set contexts"));
}

#[test]
fn a_path_in_a_file_starts_from_its_folder_or_from_home() {
    for (written, path) in [
        ("secrets/lab", "/home/al/.config/concierge/secrets/lab"),
        ("/etc/lab", "/etc/lab"),
        ("~/lab", "/home/al/lab"),
    ] {
        let parsed = parsed(&format!("secret_file = {written:?}"), Kind::User).unwrap();
        assert_eq!(parsed.plain.secret.unwrap().value, SecretSource::File(path.into()));
    }
}

/// The secret that is sent, or why none is.
fn sent(said: Said<'_>) -> Result<Option<String>, String> {
    let choice = said.resolved().choice;
    match (choice.sent, choice.withheld) {
        (Some(Given { value: SecretSource::Text(secret), .. }), _) => Ok(Some(secret.reveal().to_owned())),
        (Some(Given { value: SecretSource::File(path), .. }), _) => Ok(Some(path.display().to_string())),
        (Some(_), _) => Ok(Some("asked".to_owned())),
        (None, Some((_, why))) => Err(why),
        (None, None) => Ok(None),
    }
}

const WITH_SECRET: &str = "context = \"lab\"\n[contexts.lab]\nurl = \"lab:1\"\nsecret = \"s1\"\n";

#[test]
fn a_stored_secret_goes_only_to_the_gateway_it_is_stored_with() {
    let said = Said { user: WITH_SECRET, ..Said::default() };
    assert_eq!(sent(said), Ok(Some("s1".into())));
    let other = Global { url: Some("other:1".into()), ..Global::default() };
    let why = sent(Said { flags: Some(&other), ..said }).unwrap_err();
    assert_eq!(
        why,
        "the secret of context lab is not sent: it is for ws://lab:1/ws, and --url names another gateway"
    );
    assert!(sent(Said { variables: &[("CONCIERGE_URL", "other:1")], ..said }).is_err());
    assert!(sent(Said { project: "url = \"other:1\"", ..said }).is_err());
    // The same gateway, however it is written.
    let same = Global { url: Some("ws://LAB:1/ws".into()), ..Global::default() };
    assert_eq!(sent(Said { flags: Some(&same), ..said }), Ok(Some("s1".into())));
    // Another path is another gateway.
    let path = Global { url: Some("ws://lab:1/".into()), ..Global::default() };
    assert!(sent(Said { flags: Some(&path), ..said }).is_err());
}

#[test]
fn a_secret_file_beside_the_contexts_goes_only_to_the_gateway_beside_them() {
    let user = "url = \"home:1\"\nsecret_file = \"/s\"\n[contexts.lab]\nurl = \"lab:1\"";
    let said = Said { user, ..Said::default() };
    assert_eq!(sent(said), Ok(Some("/s".into())));
    let lab = Global { context: Some("lab".parse().unwrap()), ..Global::default() };
    let why = sent(Said { flags: Some(&lab), ..said }).unwrap_err();
    assert!(
        why.starts_with(&format!("the secret of {USER}:2 is not sent: it is for ws://home:1/ws")),
        "{why}"
    );
    // Without a gateway beside it, it is for the one that is used when none is named.
    let alone = Said { user: "secret_file = \"/s\"", ..Said::default() };
    assert_eq!(sent(alone), Ok(Some("/s".into())));
    assert!(sent(Said { variables: &[("CONCIERGE_URL", "other:1")], ..alone }).is_err());
}

#[test]
fn a_secret_of_the_environment_does_not_go_where_only_a_project_says() {
    for variable in ["CONCIERGE_SECRET", "CONCIERGE_SECRET_FILE"] {
        let said = Said { variables: &[(variable, "s2")], project: "url = \"evil:1\"", ..Said::default() };
        let why = sent(said).unwrap_err();
        assert!(
            why.starts_with(&format!(
                "{variable} is not sent: only {PROJECT}:1 names the gateway ws://evil:1/ws"
            )),
            "{why}"
        );
        assert!(why.ends_with("concierge context add NAME --url ws://evil:1/ws"), "{why}");
        // It is known once the user has written it down, even if it is not chosen.
        assert_eq!(sent(Said { user: "[contexts.e]\nurl = \"evil:1\"", ..said }), Ok(Some("s2".into())));
        // Or when somebody names it now.
        let named = Global { url: Some("evil:1".into()), ..Global::default() };
        assert_eq!(sent(Said { flags: Some(&named), ..said }), Ok(Some("s2".into())));
        // A context that a project chooses is the user's own.
        let user = "[contexts.lab]\nurl = \"lab:1\"";
        assert_eq!(sent(Said { project: "context = \"lab\"", user, ..said }), Ok(Some("s2".into())));
    }
}

#[test]
fn a_secret_that_the_flags_give_goes_wherever_one_says() {
    let file = Global { secret_file: Some("/f".into()), ..Global::default() };
    let said = Said { flags: Some(&file), project: "url = \"evil:1\"", user: WITH_SECRET, ..Said::default() };
    assert_eq!(sent(said), Ok(Some("/f".into())));
    let asked = Global { ask_secret: true, ..Global::default() };
    assert_eq!(sent(Said { flags: Some(&asked), ..said }), Ok(Some("asked".into())));
}

#[test]
fn where_the_first_secret_may_not_go_the_next_one_may() {
    let user = "url = \"home:1\"\nsecret_file = \"/s\"\n".to_owned() + WITH_SECRET;
    let said = Said { variables: &[("CONCIERGE_URL", "home:1")], user: &user, ..Said::default() };
    assert_eq!(sent(said), Ok(Some("/s".into())));
    let both = [("CONCIERGE_SECRET", "s2"), ("CONCIERGE_SECRET_FILE", "/never")];
    assert_eq!(sent(Said { variables: &both, user: WITH_SECRET, ..Said::default() }), Ok(Some("s2".into())));
}

#[test]
fn a_secret_is_for_no_gateway_but_the_one_of_the_settings() {
    let source = Source {
        global: Global { url: Some("lab:1".into()), ..Global::default() },
        environment: Console::in_memory("", [("CONCIERGE_SECRET", "s2")]).0.environment,
    };
    let settings = source.settings().unwrap();
    assert_eq!(settings.secret_for(&"ws://lab:1/ws".parse().unwrap()), Ok(Some(Secret::new("s2"))));
    assert_eq!(settings.secret_for(&"ws://127.0.0.1:64209/ws".parse().unwrap()), Ok(None));
    for text in [format!("{settings:?}"), format!("{:?}", settings.explain()), format!("{source:?}")] {
        assert!(!text.contains("s2"), "{text}");
    }
}

/// Where web applications ask, and the key that goes there, or why none does.
fn asked(said: Said<'_>) -> Result<(String, String), String> {
    let resolved = Arc::new(said.resolved());
    let environment = Console::in_memory("", []).0.environment;
    let defaults = Source { global: Global::default(), environment }.settings().unwrap();
    let settings = Settings { resolved, ..defaults };
    let api = settings.api(&ApiFlags::default()).map_err(|failure| failure.message().to_owned())?;
    let api = api.ok_or("nowhere")?;
    Ok((api.url, api.key.reveal().to_owned()))
}

#[test]
fn where_web_applications_ask_ranks_as_the_gateway_does() {
    let user = "context = \"shop\"\napi = \"user:1\"\n[contexts.shop]\napi = \"shop:1\"\napi_key = \"k1\"\n[contexts.flag]\n\
                api = \"flag:1\"\napi_key = \"k2\"";
    let said = Said { user, ..Said::default() };
    assert_eq!(asked(said), Ok(("http://shop:1".into(), "k1".into())));
    let flag = Global { context: Some("flag".parse().unwrap()), ..Global::default() };
    let variables = [("CONCIERGE_API", "env:1"), ("CONCIERGE_API_KEY", "k3")];
    // A context that somebody names ranks above the variables.
    let named = Said { flags: Some(&flag), variables: &variables, ..said };
    assert_eq!(asked(named), Ok(("http://flag:1".into(), "k2".into())));
    assert_eq!(asked(Said { variables: &variables, ..said }), Ok(("http://env:1".into(), "k3".into())));
    let elsewhere = asked(Said { variables: &[("CONCIERGE_API", "env:1")], ..said }).unwrap_err();
    assert!(
        elsewhere.contains("the API key of context shop is not sent: it is for http://shop:1"),
        "{elsewhere}"
    );
    assert_eq!(asked(Said::default()), Err("nowhere".into()));
}

#[test]
fn a_key_goes_only_where_it_is_kept_for() {
    let alone = Said { user: "context = \"a\"\n[contexts.a]\napi_key = \"k1\"", ..Said::default() };
    let why = asked(Said { variables: &[("CONCIERGE_API", "env:1")], ..alone }).unwrap_err();
    assert!(why.contains("nothing beside it says which gateway it is for"), "{why}");
    let project =
        Said { project: "api = \"evil:1\"", variables: &[("CONCIERGE_API_KEY", "k3")], ..Said::default() };
    let why = asked(project).unwrap_err();
    assert!(why.ends_with("concierge context add NAME --url URL --api http://evil:1"), "{why}");
    let known = Said { user: "[contexts.e]\napi = \"evil:1\"", ..project };
    assert_eq!(asked(known), Ok(("http://evil:1".into(), "k3".into())));
}
