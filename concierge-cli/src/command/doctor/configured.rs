//! The settings: whether files and variables make sense, and where each value comes from that a connection is made with.

use std::path::Path;

use concierge_client::GatewayUrl;

use super::check::Check;
use crate::settings::{Key, Origin, Places, Settings, Source};

/// The files and the variables: everything that is wrong with them, or what is read.
pub(super) fn files(source: &Source) -> Vec<Check> {
    let failures = source.check();
    if !failures.is_empty() {
        return failures.iter().map(|failure| Check::fail("config", failure)).collect();
    }
    let mut odd: Vec<_> = source.unknown_variables();
    odd.extend(source.settings().iter().flat_map(|settings| settings.notes().to_vec()));
    if !odd.is_empty() {
        let hint = "`concierge config explain` shows what is read, and `concierge config path` from where";
        return odd.into_iter().map(|odd| Check::warn("config", odd, hint)).collect();
    }
    let places = Places::of(&source.environment);
    let user = places.user().ok().filter(|path| path.exists()).map(Path::to_owned);
    let project = places.project().map(|file| file.path);
    let read: Vec<_> = project.into_iter().chain(user).map(|path| path.display().to_string()).collect();
    if read.is_empty() {
        return vec![Check::skipped("config", "there are no settings files")];
    }
    vec![Check::ok("config", format!("in order: {}", read.join(", ")))]
}

/// What is used, and who said so. Never the secret itself.
pub(super) fn values(settings: &Settings, url: &GatewayUrl) -> Check {
    let mut told = Vec::new();
    let mut remark = None;
    for explained in settings.explain() {
        let name = explained.setting.name;
        remark = remark.or(explained.remark);
        if explained.setting.key == Key::Url && *url != settings.url_or_default() {
            told.push(format!("{name} {url} (this session)"));
        } else if explained.origin != Origin::Default || explained.setting.key == Key::Url {
            told.push(format!("{name} {} ({})", explained.values.join(", "), explained.origin));
        }
    }
    if !settings.sends_secret(url) {
        told.push("no secret".to_owned());
    }
    let told = told.join("; ");
    match remark {
        Some(remark) => Check::warn("settings", told, remark),
        None => Check::ok("settings", told),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{args::Global, command::doctor::check::Verdict, console::Console};

    fn source(variables: &[(&str, &str)]) -> Source {
        let environment = Console::in_memory("", variables.iter().copied()).0.environment;
        Source { global: Global::default(), environment }
    }

    #[test]
    fn each_value_is_told_with_who_said_it_and_a_secret_is_not_told() {
        let variables = [
            ("CONCIERGE_URL", "ws://192.0.2.7:1/ws"),
            ("CONCIERGE_NAME", "alice"),
            ("CONCIERGE_SECRET", "canary"),
        ];
        let settings = source(&variables).settings().unwrap();
        let check = values(&settings, &settings.url_or_default());
        assert_eq!(
            check.told,
            "url ws://192.0.2.7:1/ws (CONCIERGE_URL); name alice (CONCIERGE_NAME); secret set (CONCIERGE_SECRET)"
        );
        let elsewhere = "ws://192.0.2.8:1/ws".parse().unwrap();
        let check = values(&settings, &elsewhere);
        assert!(check.told.starts_with("url ws://192.0.2.8:1/ws (this session); "), "{check:?}");
        assert!(check.told.ends_with("; no secret"), "{check:?}");
        let settings = source(&[]).settings().unwrap();
        let check = values(&settings, &settings.url_or_default());
        assert_eq!(check.told, "url ws://127.0.0.1:64209/ws (default); no secret");
    }

    #[test]
    fn files_and_variables_are_checked() {
        let verdicts = |source: &Source| files(source).iter().map(|check| check.verdict).collect::<Vec<_>>();
        assert_eq!(verdicts(&source(&[])), [Verdict::Skipped]);
        assert_eq!(verdicts(&source(&[("CONCIERGE_SECRT", "x")])), [Verdict::Warn]);
        let home = tempfile::tempdir().unwrap();
        let home = home.path().to_str().unwrap();
        let folder = format!("{home}/.config/concierge");
        std::fs::create_dir_all(&folder).unwrap();
        let keep = |text: &str| std::fs::write(format!("{folder}/config.toml"), text).unwrap();
        keep("timeout = \"3s\"\n");
        assert_eq!(verdicts(&source(&[("HOME", home)])), [Verdict::Ok]);
        keep("timeout = \"soon\"\nurll = \"x\"\n");
        let wrong = files(&source(&[("HOME", home)]));
        assert_eq!(wrong.len(), 2, "{wrong:?}");
        assert!(wrong.iter().all(|check| matches!(check.verdict, Verdict::Fail(_))), "{wrong:?}");
    }
}
