//! The first payload: what is checked, in which order, and which close code each failure has.

use concierge_client::payload::{
    AnyRequest, ClientName, CloseCode, Envelope, Identify, PROTOCOL_VERSION, RequestKind, Secret,
};
use semver::{Version, VersionReq};
use subtle::ConstantTimeEq;

use super::{
    rules::Rules,
    step::{Close, Join},
};

/// Checks a first payload: decoding (4002), the name (4008), the secret (4006), the version (4007). Whether the name is
/// free (4005) is for the hub to say.
pub(super) fn check(text: &str, rules: &Rules) -> Result<Join, Close> {
    let identify = decode(text)?;
    if let Some(nickname) = &identify.nickname
        && nickname.chars().count() > rules.limits.nickname
    {
        return Err(Close::about(CloseCode::FatalDecode, Some("nickname")));
    }
    let name = check_name(identify.name, rules).ok_or_else(|| Close::new(CloseCode::BadAuth))?;
    let expected = rules.reserved.get(&name).or(rules.secret.as_ref());
    if !knows_secret(identify.secret.as_ref(), expected) {
        return Err(Close::new(CloseCode::BadSecret));
    }
    if !speaks_our_version(&identify.version) {
        return Err(Close::new(CloseCode::BadVersion));
    }
    let Identify { nickname, tags, features, intents, .. } = identify;
    Ok(Join { name, nickname, tags, features, intents })
}

fn decode(text: &str) -> Result<Identify, Close> {
    let undecodable = |field: Option<&str>| Close::about(CloseCode::FatalDecode, field);
    let envelope = Envelope::parse(text).map_err(|error| undecodable(error.field()))?;
    match envelope.kind() {
        Some(RequestKind::Identify) => {}
        Some(_) => return Err(Close::new(CloseCode::NoAuth)),
        None => return Err(undecodable(Some("type"))),
    }
    match envelope.decode(RequestKind::Identify) {
        Ok(AnyRequest::Identify(identify)) => Ok(identify),
        Ok(_) => Err(Close::new(CloseCode::NoAuth)),
        Err(error) => Err(undecodable(error.field())),
    }
}

fn check_name(name: String, rules: &Rules) -> Option<ClientName> {
    let name = ClientName::new(name).ok()?;
    let short_enough = name.chars().count() <= rules.limits.name;
    (short_enough && (!rules.ascii_names || name.is_ascii())).then_some(name)
}

/// Compared in constant time; only the length of a wrong secret can be told from how long it takes.
fn knows_secret(given: Option<&Secret>, expected: Option<&Secret>) -> bool {
    let Some(expected) = expected else { return true };
    let given = given.map_or("", Secret::reveal);
    given.as_bytes().ct_eq(expected.reveal().as_bytes()).into()
}

fn speaks_our_version(version: &str) -> bool {
    let ours =
        VersionReq::parse(&format!("^{PROTOCOL_VERSION}")).expect("the protocol's version is semantic");
    Version::parse(version).is_ok_and(|version| ours.matches(&version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_of_our_version_is_spoken_and_another_minor_is_not() {
        assert!(speaks_our_version("0.2.0"));
        assert!(speaks_our_version("0.2.7"));
        for version in ["0.1.9", "0.3.0", "1.2.0", "0.2", "", "v0.2.0", "99999999999999999999.0.0"] {
            assert!(!speaks_our_version(version), "{version}");
        }
    }

    #[test]
    fn an_expected_secret_must_be_given() {
        let expected = Secret::new("s3cret");
        assert!(knows_secret(Some(&Secret::new("s3cret")), Some(&expected)));
        assert!(!knows_secret(Some(&Secret::new("s3cre")), Some(&expected)));
        assert!(!knows_secret(None, Some(&expected)));
        assert!(knows_secret(Some(&Secret::new("whatever")), None));
    }
}
