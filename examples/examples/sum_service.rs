//! A service that answers requests: the sum of the numbers it is sent.

use std::time::Duration;

use concierge_client::{Asked, ServeOptions};
use concierge_examples::{client, say, told_to_stop};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = client("sum_service")?.connect().await?;
    let service = client.create_service("sum").open().await?;
    let serving = service.serve(ServeOptions::default(), async |asked: Asked<Vec<i64>>| {
        asked.body.into_iter().try_fold(0_i64, i64::checked_add).ok_or("the sum is too large")
    });
    let stop = told_to_stop()?;
    say("ready")?;
    stop.await;
    serving.drain(Duration::from_secs(5)).await?;
    client.close().await;
    Ok(())
}
