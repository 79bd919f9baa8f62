//! `ping`: signs of life, and how long they took.

use super::Context;
use crate::{args::PingArgs, failure::Failure, output::Record};

pub(super) async fn ping(arguments: PingArgs, context: &Context<'_>) -> Result<(), Failure> {
    for number in 0..arguments.count {
        if number > 0 {
            tokio::time::sleep(arguments.interval).await;
        }
        let rtt = context.client.ping().await?;
        context.output.record(&Record::Pong { url: context.url.to_string(), rtt })?;
    }
    Ok(())
}
