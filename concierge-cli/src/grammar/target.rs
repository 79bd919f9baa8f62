//! Targets: `bob` or `@bob`, a uuid, `svc:NAME` or `#NAME`, `svc:NAME/UUID`, `all`.

use concierge_client::payload::{ServiceName, Target};
use uuid::Uuid;

use super::text;

/// Reads a target. Any part that is a name may be written as a JSON string.
pub(crate) fn parse_target(word: &str) -> Result<Target, String> {
    if let Some(service) = word.strip_prefix("svc:").or_else(|| word.strip_prefix('#')) {
        return parse_service(service);
    }
    if let Some(name) = word.strip_prefix('@') {
        return parse_client(name);
    }
    if word == "all" {
        return Ok(Target::All);
    }
    if let Some(uuid) = hyphenated(word) {
        return Ok(uuid.into());
    }
    parse_client(word)
}

/// How a target is written, the shortest way.
pub(crate) fn write_target(target: &Target) -> String {
    match target {
        Target::Name { name } => format!("@{name}"),
        Target::Uuid { uuid } => uuid.to_string(),
        Target::Service { service } => format!("svc:{service}"),
        Target::ServiceClientUuid { service, uuid } => format!("svc:{service}/{uuid}"),
        Target::All => "all".to_owned(),
    }
}

fn parse_client(name: &str) -> Result<Target, String> {
    let name = text(name);
    if name.is_empty() {
        return Err("a client's name is missing".to_owned());
    }
    Ok(Target::name(name.as_ref()))
}

/// The part after the last `/` is a uuid only if it is one; otherwise it belongs to the service's name.
fn parse_service(word: &str) -> Result<Target, String> {
    let whole = text(word);
    if let Some((service, uuid)) = whole.rsplit_once('/')
        && let Some(uuid) = hyphenated(uuid)
    {
        return Ok(Target::service_client(service_name(&text(service))?, uuid));
    }
    service_name(&whole).map(Target::service)
}

fn service_name(name: &str) -> Result<ServiceName, String> {
    ServiceName::new(name).map_err(|error| error.to_string())
}

/// A name may look like a uuid without hyphens (32 digits and letters), so only the hyphenated form is one.
fn hyphenated(word: &str) -> Option<Uuid> {
    (word.len() == 36).then(|| Uuid::try_parse(word).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "41fbdd59-1c9c-4b1c-8a2f-25c3f2a39b1d";

    fn uuid() -> Uuid {
        UUID.parse().unwrap()
    }

    fn service(name: &str) -> Target {
        Target::service(name.parse().unwrap())
    }

    #[test]
    fn clients_are_named_with_and_without_the_sign() {
        assert_eq!(parse_target("bob"), Ok(Target::name("bob")));
        assert_eq!(parse_target("@bob"), Ok(Target::name("bob")));
        assert_eq!(parse_target("größe"), Ok(Target::name("größe")));
    }

    #[test]
    fn the_sign_forces_a_name() {
        assert_eq!(parse_target("all"), Ok(Target::All));
        assert_eq!(parse_target("@all"), Ok(Target::name("all")));
        assert_eq!(parse_target("@svc"), Ok(Target::name("svc")));
    }

    #[test]
    fn only_a_hyphenated_uuid_is_a_uuid() {
        assert_eq!(parse_target(UUID), Ok(uuid().into()));
        let plain = UUID.replace('-', "");
        assert_eq!(parse_target(&plain), Ok(Target::name(plain.as_str())));
        assert_eq!(parse_target(&format!("@{UUID}")), Ok(Target::name(UUID)));
    }

    #[test]
    fn a_service_is_named_in_two_ways() {
        assert_eq!(parse_target("svc:chat"), Ok(service("chat")));
        assert_eq!(parse_target("#chat"), Ok(service("chat")));
        assert_eq!(parse_target("#söö x"), Ok(service("söö x")));
        assert_eq!(parse_target(r#"svc:"söö x""#), Ok(service("söö x")));
    }

    #[test]
    fn what_follows_the_last_slash_is_a_uuid_only_if_it_is_one() {
        assert_eq!(parse_target("svc:a/b"), Ok(service("a/b")));
        assert_eq!(
            parse_target(&format!("svc:a/b/{UUID}")),
            Ok(Target::service_client("a/b".parse().unwrap(), uuid()))
        );
        assert_eq!(parse_target(&format!("#\"x y\"/{UUID}")), {
            Ok(Target::service_client("x y".parse().unwrap(), uuid()))
        });
    }

    #[test]
    fn a_target_needs_a_name() {
        for word in ["", "@", "#", "svc:", "@\"\""] {
            assert!(parse_target(word).is_err(), "{word:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for target in [
            Target::name("all"),
            Target::All,
            service("a/b c"),
            uuid().into(),
            Target::service_client("x".parse().unwrap(), uuid()),
        ] {
            assert_eq!(parse_target(&write_target(&target)), Ok(target));
        }
    }
}
