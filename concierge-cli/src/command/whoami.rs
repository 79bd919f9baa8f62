//! `whoami`: what the gateway knows about this client.

use concierge_client::payload::SelfFetch;

use super::Context;
use crate::{failure::Failure, output::Whoami};

pub(super) async fn whoami(context: &Context<'_>) -> Result<(), Failure> {
    let result = context.link.call(SelfFetch {}).await?;
    let server = context.link.who().server;
    context.output.record(&Whoami { result, url: context.url.to_string(), server })
}
