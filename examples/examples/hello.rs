//! Connects, says who and what is there, and leaves.

use concierge_examples::{client, say};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = client("hello")?.nickname("Hello").tags(["example"]).connect().await?;
    say("ready")?;

    let session = client.session();
    say(format!("I am {} with the id {}", session.name, session.uuid()))?;
    say(format!("the gateway is {}", session.server().unwrap_or("an original one")))?;

    for other in client.clients().await? {
        // A nickname is anybody's text: `{:?}` escapes what could harm a terminal.
        say(format!("client {} {:?}", other.name, other.nickname.as_deref().unwrap_or_default()))?;
    }
    for service in client.services().await? {
        say(format!("service {:?} with {} subscribers", service.name.as_str(), service.subscribers.len()))?;
    }

    client.close().await;
    Ok(())
}
