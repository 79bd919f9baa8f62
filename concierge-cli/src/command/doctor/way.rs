//! The way to the gateway, judged step by step from what an attempt to connect came past and how it ended. Pure.

use std::time::Duration;

use concierge_client::{Answer, ConnectError, GatewayUrl, Milestone, Secured, Session, Stage};
use jiff::{Timestamp, fmt::rfc2822};

use super::{certificate::valid_until, check::Check};
use crate::{failure::Failure, output::grouped};

/// How many days a certificate has left when it is time to say so.
const FEW_DAYS: i64 = 14;

/// How far two clocks may be apart. The header has whole seconds, and took its time to get here.
const NEAR: i64 = 3;

/// An attempt to connect, as it was seen.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    pub url: &'a GatewayUrl,
    /// Whether a secret was sent.
    pub secret: bool,
    /// What it came past.
    pub seen: Vec<Seen>,
    /// How it ended, and when.
    pub ended: (Duration, Result<&'a Session, &'a ConnectError>),
}

/// A milestone, and when it was passed.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Since the beginning.
    pub at: Duration,
    /// By the clock here.
    pub time: Timestamp,
    pub milestone: Milestone,
}

/// The steps, in the order they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Settings,
    Resolve,
    Connect,
    Proxy,
    Tls,
    Upgrade,
    Identify,
}

const STEPS: [Step; 6] =
    [Step::Resolve, Step::Connect, Step::Proxy, Step::Tls, Step::Upgrade, Step::Identify];

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Resolve => "dns",
            Self::Connect => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::Identify => "identify",
        }
    }

    /// Where an attempt failed.
    fn of(error: &ConnectError) -> Self {
        match error {
            ConnectError::Build(_) | ConnectError::Secret { .. } => Self::Settings,
            ConnectError::Resolve { .. } => Self::Resolve,
            ConnectError::Unreachable { .. } | ConnectError::Connector { .. } => Self::Connect,
            ConnectError::Proxy { .. } => Self::Proxy,
            ConnectError::Tls { .. } => Self::Tls,
            ConnectError::Timeout { stage, .. } | ConnectError::HungUp { stage, .. } => Self::at(*stage),
            ConnectError::NotHello(_) | ConnectError::Refused { .. } => Self::Identify,
            _ => Self::Upgrade,
        }
    }

    fn at(stage: Stage) -> Self {
        match stage {
            Stage::Secret => Self::Settings,
            Stage::Resolve => Self::Resolve,
            Stage::Connect => Self::Connect,
            Stage::Proxy => Self::Proxy,
            Stage::Tls => Self::Tls,
            Stage::Upgrade => Self::Upgrade,
            _ => Self::Identify,
        }
    }
}

/// The checks of a way that was not gone.
pub(super) fn unreached() -> impl Iterator<Item = Check> {
    STEPS.into_iter().map(|step| Check::skipped(step.name(), "not reached"))
}

impl Attempt<'_> {
    /// A check for each step: those that were taken, the one that failed, and those that were not reached.
    pub(super) fn checks(&self) -> Vec<Check> {
        let failed = self.ended.1.err().map(|error| (Step::of(error), error));
        let mut checks = Vec::new();
        if let Some((Step::Settings, error)) = failed {
            checks.push(self.failure(Step::Settings, error));
        }
        for step in STEPS {
            checks.push(match failed {
                Some((at, error)) if at == step => self.failure(step, error),
                Some((at, _)) if at < step => Check::skipped(step.name(), "not reached"),
                _ => self.passed(step),
            });
        }
        checks
    }

    /// How far the clock here is from that of the gateway.
    pub(super) fn clock(&self) -> Check {
        let Some((seen, answer)) = self.answer() else {
            return Check::skipped("clock", "the gateway has told no time");
        };
        let date = answer.header("date").and_then(|date| rfc2822::parse(date).ok());
        let Some(date) = date else {
            return Check::skipped("clock", "the gateway's answer has no date");
        };
        let ahead = seen.time.as_second() - date.timestamp().as_second();
        if ahead.abs() <= NEAR {
            return Check::ok("clock", "the same as the gateway's");
        }
        let direction = if ahead > 0 { "ahead of" } else { "behind" };
        let told = format!("{} s {direction} the gateway's", grouped(ahead.unsigned_abs()));
        Check::warn("clock", told, "set the clock that is wrong: certificates and times depend on it")
    }

    fn failure(&self, step: Step, error: &ConnectError) -> Check {
        Check::fail(step.name(), &Failure::from(error)).took(self.since(step, self.ended.0))
    }

    fn passed(&self, step: Step) -> Check {
        match step {
            Step::Settings => Check::ok(step.name(), self.url.as_str()),
            Step::Resolve => self.resolved(),
            Step::Connect => self.connected(),
            Step::Proxy => self.proxied(),
            Step::Tls => self.secured(),
            Step::Upgrade => self.upgraded(),
            Step::Identify => self.identified(),
        }
    }

    fn resolved(&self) -> Check {
        let found = self.find(|milestone| match milestone {
            Milestone::Resolved { host, addresses } => Some((host, addresses)),
            _ => None,
        });
        let Some((seen, (host, addresses))) = found else {
            let proxied = self.find(|milestone| matches!(milestone, Milestone::Proxy { .. }).then_some(()));
            let why = if proxied.is_some() { "left to the proxy" } else { "there is no name to look up" };
            return Check::skipped("dns", why);
        };
        let shown: Vec<_> = addresses.iter().take(4).map(|address| address.ip().to_string()).collect();
        let more = if addresses.len() > 4 { ", …" } else { "" };
        let told = format!("{host} is {}{more}", shown.join(", "));
        Check::ok("dns", told).took(self.since(Step::Resolve, seen.at))
    }

    fn connected(&self) -> Check {
        let found = self.find(|milestone| match milestone {
            Milestone::Connected { address } => Some(address),
            _ => None,
        });
        match found {
            Some((seen, address)) => {
                Check::ok("tcp", format!("connected to {address}")).took(self.since(Step::Connect, seen.at))
            }
            None => Check::skipped("tcp", "not reached"),
        }
    }

    fn proxied(&self) -> Check {
        let proxy = self.find(|milestone| match milestone {
            Milestone::Proxy { proxy } => Some(proxy),
            _ => None,
        });
        let through = self.find(|milestone| matches!(milestone, Milestone::Proxied).then_some(()));
        match (proxy, through) {
            (None, _) => Check::skipped("proxy", "none on the way to this host"),
            (Some((_, proxy)), Some((seen, ()))) => {
                Check::ok("proxy", format!("through {proxy}")).took(self.since(Step::Proxy, seen.at))
            }
            (Some((_, proxy)), None) => Check::skipped("proxy", format!("{proxy} was not asked")),
        }
    }

    fn secured(&self) -> Check {
        let found = self.find(|milestone| match milestone {
            Milestone::Secured(secured) => Some(secured),
            _ => None,
        });
        match found {
            Some((seen, secured)) => certificate(secured, seen.time).took(self.since(Step::Tls, seen.at)),
            None if self.secret && !self.is_here() => Check::warn(
                "tls",
                "ws:// is not encrypted: the secret can be read on the way",
                "use wss:// where the gateway has it",
            ),
            None => Check::skipped("tls", "ws:// has none"),
        }
    }

    fn upgraded(&self) -> Check {
        let Some((seen, answer)) = self.answer() else { return Check::skipped("upgrade", "not reached") };
        let protocol = answer.header("sec-websocket-protocol").unwrap_or("no subprotocol");
        let by = answer.header("server").map(|server| format!(", by {server}")).unwrap_or_default();
        Check::ok("upgrade", format!("HTTP {}, {protocol}{by}", answer.status))
            .took(self.since(Step::Upgrade, seen.at))
    }

    fn identified(&self) -> Check {
        match self.ended {
            (at, Ok(session)) => {
                let told = format!("let in as {}, {}", session.name, session.uuid());
                Check::ok("identify", told).took(self.since(Step::Identify, at))
            }
            (_, Err(_)) => Check::skipped("identify", "not reached"),
        }
    }

    /// Whether the gateway is on this machine, so that nothing goes over a wire.
    fn is_here(&self) -> bool {
        self.find(|milestone| match milestone {
            Milestone::Connected { address } => Some(address.ip().is_loopback()),
            _ => None,
        })
        .is_some_and(|(_, here)| here)
    }

    fn find<'s, T>(&'s self, pick: impl Fn(&'s Milestone) -> Option<T>) -> Option<(&'s Seen, T)> {
        self.seen.iter().find_map(|seen| pick(&seen.milestone).map(|found| (seen, found)))
    }

    fn answer(&self) -> Option<(&Seen, &Answer)> {
        self.find(|milestone| match milestone {
            Milestone::Answered(answer) => Some(answer),
            _ => None,
        })
    }

    /// How long a step took that ended at this time: since whatever was reached before it.
    fn since(&self, step: Step, at: Duration) -> Duration {
        let reached = |milestone: &Milestone| match milestone {
            Milestone::Proxy { .. } => Step::Settings,
            Milestone::Resolved { .. } => Step::Resolve,
            Milestone::Connected { .. } => Step::Connect,
            Milestone::Proxied => Step::Proxy,
            Milestone::Secured(_) => Step::Tls,
            _ => Step::Upgrade,
        };
        let before = self.seen.iter().filter(|seen| reached(&seen.milestone) < step);
        at.saturating_sub(before.map(|seen| seen.at).max().unwrap_or_default())
    }
}

fn certificate(secured: &Secured, now: Timestamp) -> Check {
    let tls = format!("{}, {}", secured.version, secured.cipher);
    let until = secured.certificates.first().and_then(|certificate| valid_until(certificate));
    let Some(until) = until else { return Check::ok("tls", format!("{tls}; the certificate is trusted")) };
    let days = (until.as_second() - now.as_second()) / (24 * 60 * 60);
    let date = until.strftime("%Y-%m-%d");
    let told = format!("{tls}; the certificate is trusted, and valid until {date}");
    if days < FEW_DAYS {
        return Check::warn("tls", format!("{told}, {days} days"), "its operator has to renew it soon");
    }
    Check::ok("tls", told)
}

#[cfg(test)]
mod tests {
    use std::io;

    use concierge_client::{
        TlsError,
        payload::{CloseCode, Hello},
    };

    use super::*;
    use crate::{
        command::doctor::check::{Report, Verdict},
        exit::Exit,
    };

    fn url() -> GatewayUrl {
        "ws://gateway.example/ws".parse().unwrap()
    }

    fn seen(milestones: Vec<Milestone>) -> Vec<Seen> {
        let time: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let seen = (1..).zip(milestones);
        seen.map(|(step, milestone)| Seen { at: Duration::from_millis(step * 10), time, milestone }).collect()
    }

    fn resolved() -> Milestone {
        let addresses = vec!["192.0.2.1:80".parse().unwrap(), "[2001:db8::1]:80".parse().unwrap()];
        Milestone::Resolved { host: "gateway.example".to_owned(), addresses }
    }

    fn connected() -> Milestone {
        Milestone::Connected { address: "192.0.2.1:80".parse().unwrap() }
    }

    fn failed(milestones: Vec<Milestone>, error: &ConnectError) -> Vec<Check> {
        let ended = (Duration::from_millis(100), Err(error));
        Attempt { url: &url(), secret: false, seen: seen(milestones), ended }.checks()
    }

    fn verdicts(checks: &[Check]) -> Vec<(&str, &str)> {
        let raw = |check: &Check| match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail(_) => "fail",
            Verdict::Skipped => "skipped",
        };
        checks.iter().map(|check| (check.name, raw(check))).collect()
    }

    #[test]
    fn what_is_before_a_failure_is_well_and_what_is_behind_it_was_not_reached() {
        let error = ConnectError::Http { status: 404, retry_after: None };
        let checks = failed(vec![resolved(), connected()], &error);
        assert_eq!(
            verdicts(&checks),
            [
                ("dns", "ok"),
                ("tcp", "ok"),
                ("proxy", "skipped"),
                ("tls", "skipped"),
                ("upgrade", "fail"),
                ("identify", "skipped")
            ]
        );
        let took: Vec<_> =
            checks.iter().filter_map(|check| check.took).map(|took| took.as_millis()).collect();
        assert_eq!(took, [10, 10, 80]);
    }

    #[test]
    fn each_error_fails_the_step_it_belongs_to() {
        let hung_up = |stage| ConnectError::HungUp { stage, source: None };
        let timeout = |stage| ConnectError::Timeout { stage, after: Duration::from_secs(1) };
        let refused = |code| ConnectError::Refused { code, reason: String::new() };
        let none = || io::Error::from(io::ErrorKind::NotFound);
        for (error, step, exit) in [
            (ConnectError::Resolve { host: "h".into(), source: none() }, "dns", Exit::Unreachable),
            (timeout(Stage::Connect), "tcp", Exit::TimedOut),
            (timeout(Stage::Proxy), "proxy", Exit::TimedOut),
            (ConnectError::Tls { host: "h".into(), source: TlsError::Expired }, "tls", Exit::Unreachable),
            (hung_up(Stage::Upgrade), "upgrade", Exit::Unreachable),
            (ConnectError::NotConcierge { protocol: "p", detail: "x".into() }, "upgrade", Exit::Unreachable),
            (hung_up(Stage::Identify), "identify", Exit::Unreachable),
            (refused(CloseCode::BadSecret), "identify", Exit::NotAdmitted),
            (refused(CloseCode::DuplicateAuth), "identify", Exit::NotAdmitted),
        ] {
            let checks = failed(Vec::new(), &error);
            let failing: Vec<_> =
                checks.iter().filter(|check| matches!(check.verdict, Verdict::Fail(_))).collect();
            assert_eq!(failing.iter().map(|check| check.name).collect::<Vec<_>>(), [step], "{error}");
            assert!(failing.iter().all(|check| check.hint.is_some()), "{error}");
            assert_eq!(Report { url: String::new(), checks, unicode: true }.exit(), exit, "{error}");
        }
    }

    #[test]
    fn a_proxy_on_the_way_is_told() {
        let session = Session::new("al".parse().unwrap(), Hello::new(uuid::Uuid::nil()));
        let proxy = Milestone::Proxy { proxy: "http://proxy.example:3128".to_owned() };
        let seen = seen(vec![proxy, connected(), Milestone::Proxied]);
        let ended = (Duration::from_millis(100), Ok(&session));
        let checks = Attempt { url: &url(), secret: true, seen, ended }.checks();
        let told = |name: &str| checks.iter().find(|check| check.name == name).unwrap();
        assert_eq!(told("proxy").told, "through http://proxy.example:3128");
        assert_eq!(told("dns").told, "left to the proxy");
        assert_eq!(told("tls").verdict, Verdict::Warn, "a secret that goes over a wire");
        assert_eq!(told("identify").verdict, Verdict::Ok);
    }

    #[test]
    fn a_clock_that_is_wrong_is_told() {
        let error = ConnectError::Http { status: 404, retry_after: None };
        for (date, verdict, told) in [
            ("Fri, 02 Jan 2026 03:04:04 GMT", Verdict::Ok, "the same as the gateway's"),
            ("Fri, 02 Jan 2026 04:04:05 GMT", Verdict::Warn, "3,600 s behind the gateway's"),
            ("Fri, 02 Jan 2026 03:03:55 GMT", Verdict::Warn, "10 s ahead of the gateway's"),
            ("yesterday", Verdict::Skipped, "the gateway's answer has no date"),
        ] {
            let answer = Answer::new(404, [("Date", date)]);
            let seen = seen(vec![Milestone::Answered(answer)]);
            let attempt = Attempt { url: &url(), secret: false, seen, ended: (Duration::ZERO, Err(&error)) };
            let clock = attempt.clock();
            assert_eq!((clock.verdict, clock.told.as_str()), (verdict, told));
        }
    }
}
