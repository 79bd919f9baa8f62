//! A gateway with bad company: clients that put everything they can into whatever others are shown.

use support::gateway::Gateway;
use support::peer::Peer;
use support::process::program;
use support::terminal::{Setup, Terminal};

use super::texts::{self, FAMILIES};

/// A service of theirs, with what such a name may hold: letters without a shape, marks, separators.
pub(super) const SERVICE: &str = "cha\u{200b}t\u{ad}\u{3164}\u{2028}\u{feff}\u{200d}x";

/// A client of theirs: what such a name may hold are letters, and these are some that cannot be seen.
pub(super) const CLIENT: &str = "mallo\u{3164}ry\u{115f}";

pub(super) struct World {
    pub(super) gateway: Gateway,
    /// The one who owns [`SERVICE`] and sees who comes.
    pub(super) mallory: Peer,
    /// They are there as long as the world.
    _company: Vec<Peer>,
}

impl World {
    pub(super) fn new() -> Self {
        // The company does not answer pings while the test looks elsewhere.
        let gateway = Gateway::configured("heartbeat = { interval = \"10m\", timeout = \"20m\" }").unwrap();
        let join = |name: &str, nickname: &str| {
            let (name, nickname) = (texts::json(name), texts::escaped_json(nickname));
            let tag = texts::json("\x1b]0;t\x07\u{202e}");
            let fields = format!(r#""name":{name},"nickname":{nickname},"tags":["plain",{tag}]"#);
            Peer::identify(gateway.address(), &fields).unwrap()
        };
        let mut company: Vec<_> =
            FAMILIES.iter().enumerate().map(|(number, text)| join(&format!("bad_{number}"), text)).collect();
        let mut mallory = join(CLIENT, &texts::pile().chars().take(128).collect::<String>());
        let service = texts::json(SERVICE);
        let nickname = texts::json("\x1b]0;owned\x07\u{202e}");
        mallory
            .ask(&format!(r#"{{"type":"SERVICE_CREATE","service":{service},"nickname":{nickname}}}"#))
            .unwrap();
        // Whoever subscribes hears of the others who do.
        mallory.ask(&format!(r#"{{"type":"SELF_SUBSCRIBE","service":{service}}}"#)).unwrap();
        for (number, (owner, family)) in company.iter_mut().zip(FAMILIES).enumerate() {
            let family = texts::json(family);
            let create =
                format!(r#"{{"type":"SERVICE_CREATE","service":"service {number}","nickname":{family}}}"#);
            owner.ask(&create).unwrap();
            owner.ask(&format!(r#"{{"type":"SELF_SUBSCRIBE","service":{service}}}"#)).unwrap();
        }
        Self { gateway, mallory, _company: company }
    }

    /// A command on a terminal, connected to this gateway.
    pub(super) fn terminal(&self, arguments: &[&str]) -> Terminal {
        let home = std::env::temp_dir();
        Setup::default()
            .variable("CONCIERGE_URL", self.gateway.url())
            // There is no history to be read from there, nor to be written.
            .variable("XDG_STATE_HOME", home.join("no-such-folder").to_str().unwrap())
            .start(&program("concierge").unwrap(), arguments)
            .unwrap()
    }
}
