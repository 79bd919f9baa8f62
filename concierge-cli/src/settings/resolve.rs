//! What all sources together come to. Pure: what was read comes in, values with their origins go out.
//!
//! Flags rank above variables, those above the project file, that above the user file, and that above the defaults. A context ranks
//! directly below whatever chooses it: `--context` wins over variables, a context that is merely current wins only over what stands
//! beside it in the user file.

use concierge_client::GatewayUrl;

use super::{
    api::Apis,
    file::Parsed,
    label::Label,
    layer::Layer,
    origin::{Given, Origin},
    secret::{Bound, Candidate, Choice, Kind, choose},
    url::default_url,
};
use crate::{failure::Failure, output::ColorChoice, suggest::nearest};

/// Everything that was said, by whom.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// The command line.
    pub flags: Layer,
    /// The variables.
    pub environment: Layer,
    /// The project file.
    pub project: Parsed,
    /// The user file.
    pub user: Parsed,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
}

/// What it comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    /// The value that won for each setting, but for the secret.
    pub layer: Layer,
    /// Which secret is sent.
    pub choice: Choice,
    /// Where web applications ask, and with what.
    pub apis: Apis,
}

/// Decides.
pub(super) fn resolve(sources: Sources) -> Result<Resolved, Failure> {
    let Sources { flags, environment, project, user, no_color } = sources;
    let chooser =
        [&flags, &environment, &project.plain, &user.plain].iter().position(|layer| layer.context.is_some());
    let mut ranked = vec![flags, environment, project.plain, user.plain.clone()];
    if let Some(position) = chooser
        && let Some(chosen) = ranked.get(position).and_then(|layer| layer.context.clone())
    {
        let context =
            user.contexts.get(&chosen.value).ok_or_else(|| unknown(&chosen, user.contexts.keys()))?;
        // What stands beside a context in its file is for when a context says nothing.
        let is_current = position == ranked.len() - 1;
        ranked.insert(if is_current { position } else { position + 1 }, context.clone());
    }
    let home = user.plain.url.as_ref().map_or_else(default_url, |url| url.value.clone());
    let bound = |origin: &Origin| match origin {
        Origin::Context(name, _) => {
            let url = user.contexts.get(name).and_then(|context| context.url.as_ref());
            Bound::To(url.map_or_else(|| home.clone(), |url| url.value.clone()))
        }
        Origin::User(_) => Bound::To(home.clone()),
        _ => Bound::Free,
    };
    let bound_api = |origin: &Origin| {
        let beside = match origin {
            Origin::Context(name, _) => {
                let own = user.contexts.get(name).and_then(|context| context.api.as_ref());
                own.or(user.plain.api.as_ref())
            }
            Origin::User(_) => user.plain.api.as_ref(),
            _ => return Bound::Free,
        };
        beside.map_or(Bound::Nowhere, |api| Bound::To(api.value.clone()))
    };
    let candidates: Vec<_> = ranked
        .iter()
        .filter_map(|layer| layer.secret.clone())
        .map(|secret| Candidate { bound: bound(&secret.origin), secret })
        .collect();
    let apis = Apis::new(&ranked, user.contexts.values().chain([&user.plain]), bound_api);
    // A gateway that ranks above a session asks for a connection of one's own.
    let rank = |gives: fn(&Layer) -> bool| ranked.iter().position(gives);
    let on_a_session = match (rank(|layer| layer.url.is_some()), rank(|layer| layer.session.is_some())) {
        (Some(url), Some(session)) => session <= url,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    let mut layer = ranked.into_iter().reduce(Layer::over).unwrap_or_default();
    layer.session = layer.session.filter(|_| on_a_session);
    if no_color && !layer.color.as_ref().is_some_and(|color| matches!(color.origin, Origin::Flag(_))) {
        layer.color = Some(Given::new(ColorChoice::Never, Origin::Variable("NO_COLOR")));
    }
    let url = layer.url.clone().unwrap_or_else(|| Given::new(default_url(), Origin::Default));
    let is_known = |url: &GatewayUrl| {
        let known = user.contexts.values().chain([&user.plain]).filter_map(|layer| layer.url.as_ref());
        *url == default_url() || known.into_iter().any(|known| known.value == *url)
    };
    let choice = choose(Kind::Secret, candidates, &url, is_known);
    Ok(Resolved { layer, choice, apis })
}

fn unknown<'a>(chosen: &Given<Label>, names: impl Iterator<Item = &'a Label>) -> Failure {
    let failure = no_such_context(&chosen.value, names);
    match chosen.origin {
        Origin::Flag(_) => failure,
        _ => failure.within(&chosen.origin.place()),
    }
}

/// There is no such context: what there is instead.
pub(super) fn no_such_context<'a>(name: &Label, names: impl Iterator<Item = &'a Label>) -> Failure {
    let names: Vec<_> = names.map(Label::as_str).collect();
    let failure = Failure::usage(format!("there is no context {:?}", name.as_str()));
    match nearest(name.as_str(), names.iter().copied()) {
        Some(meant) => failure.hint(format!("did you mean {meant:?}?")),
        None if names.is_empty() => {
            failure.hint(format!("to add it: concierge context add {name} --url URL"))
        }
        None => failure.hint("`concierge context ls` lists those there are"),
    }
}
