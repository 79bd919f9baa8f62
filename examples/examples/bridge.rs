//! A bridge between two gateways: a service of the first is there on the second too. Its arguments are the URL of the second
//! gateway, and the service's name.

use concierge_client::{Client, Data};
use concierge_examples::{client, say, told_to_stop};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(name)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: bridge URL_OF_THE_SECOND_GATEWAY SERVICE");
    };
    let here = client("bridge")?.connect().await?;
    let there = Client::builder(url, "bridge")?.secret_from_env("CONCIERGE_SECRET").connect().await?;

    // `Data` is any JSON: it goes over byte for byte.
    let mut original = here.subscription(name.as_str()).open::<Data>().await?;
    let copy = there.create_service(name.as_str()).nickname("by bridge").open().await?;
    let mut answers = copy.messages::<Data>();
    let stop = told_to_stop()?;
    say("ready")?;

    tokio::pin!(stop);
    loop {
        let passed = tokio::select! {
            () = &mut stop => break,
            Some(message) = original.next() => match message {
                Ok(message) => copy.publish(&message.data).await,
                Err(error) => { say(error)?; continue }
            },
            Some(message) = answers.next() => match message {
                Ok(message) => original.send(&message.data).await,
                Err(error) => { say(error)?; continue }
            },
            else => anyhow::bail!("the service is {:?} here and {:?} there", original.status(), copy.status()),
        };
        // While one gateway is away, what is for it is lost; the bridge stays.
        if let Err(error) = passed {
            say(error)?;
        }
    }
    copy.delete().await?;
    tokio::join!(here.close(), there.close());
    Ok(())
}
