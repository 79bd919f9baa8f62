//! The body of a request, in whole.

use std::time::Duration;

use concierge_client::telegraphy::web::{Problem, ProblemStatus};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::dialect::telegraphy::web::Route;
use crate::net::leftover::Arriving;

/// What most bodies fit into: a client that promises more makes no room by that alone.
const USUAL_BYTES: u64 = 16 * 1024;

/// Takes a body of so many bytes at most, which has so long to arrive.
pub(super) async fn read(mut body: Arriving, most: usize, longest: Duration) -> Result<Vec<u8>, Problem> {
    let promised = body.size_hint().lower();
    if usize::try_from(promised).is_ok_and(|promised| promised <= most) {
        let room = usize::try_from(promised.min(USUAL_BYTES)).unwrap_or_default();
        let arrived = timeout(longest, collect(&mut body, room, most)).await;
        arrived.unwrap_or_else(|_| {
            let message = format!("the body did not arrive within {longest:?}");
            Err(Problem::new(ProblemStatus::Timeout, message))
        })
    } else {
        Err(Route::too_large(most))
    }
}

async fn collect(body: &mut Arriving, room: usize, most: usize) -> Result<Vec<u8>, Problem> {
    let mut whole = Vec::with_capacity(room);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(ProblemStatus::InvalidMessage, "the body broke off"))?;
        let Some(data) = frame.data_ref() else { continue };
        if data.len() > most - whole.len() {
            return Err(Route::too_large(most));
        }
        whole.extend_from_slice(data);
    }
    Ok(whole)
}
