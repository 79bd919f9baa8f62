//! `ping`: signs of life, and how long they took.

use std::time::Duration;

use clap::Args;

use super::Context;
use crate::{failure::Failure, grammar::parse_span, output::Pong};

/// `ping`
#[derive(Debug, Clone, Copy, Args)]
#[command(after_help = "Examples:\n  concierge ping\n  concierge ping -n 5 --json")]
pub(crate) struct PingArgs {
    /// How often
    #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,
    /// The pause between two
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_span)]
    pub interval: Duration,
}

pub(super) async fn ping(arguments: PingArgs, context: &Context<'_>) -> Result<(), Failure> {
    for number in 0..arguments.count {
        if number > 0 {
            tokio::time::sleep(arguments.interval).await;
        }
        let rtt = context.link.ping().await?;
        context.output.record(&Pong { url: context.url.to_string(), rtt })?;
    }
    Ok(())
}
