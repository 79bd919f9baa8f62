//! Asks the service `sum` for the sum of its arguments.

use std::time::Duration;

use concierge_client::RequestError;
use concierge_examples::{client, say};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let numbers =
        std::env::args().skip(1).map(|argument| argument.parse()).collect::<Result<Vec<i64>, _>>()?;
    let client = client("sum_caller")?.connect().await?;
    // The owner of a service is asked by those who subscribe to it.
    let sum = client.subscription("sum").open::<()>().await?;
    say("ready")?;
    match sum.request::<i64>(&numbers).timeout(Duration::from_secs(5)).await {
        Ok(answer) => say(format!("the sum is {answer}"))?,
        Err(RequestError::Refused { error }) => say(format!("the service says {error:?}"))?,
        Err(error) => return Err(error.into()),
    }
    client.close().await;
    Ok(())
}
