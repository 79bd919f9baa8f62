//! The load of `bench connect`: clients that come, are let in, and leave.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    member::Door,
    run::{Run, recorder},
};

/// Lets clients in and out again, one after the other, until nothing more is to be done.
pub(super) async fn come_and_go(run: Arc<Run>, lane_number: u64, door: Door) {
    let Some(lane) = run.lane(lane_number) else { return };
    let mut ready = Duration::ZERO;
    for number in 0.. {
        let Some(at) = run.turn(lane_number, number, ready).await else { break };
        lane.sent.fetch_add(1, Ordering::Release);
        match door.enter(&format!("{lane_number}_{number}")).await {
            Ok(member) => {
                let now = run.now();
                if run.is_measured(lane_number, number, at) {
                    run.answers.record(recorder(lane_number), now.saturating_sub(at));
                    run.arrived(now);
                }
                lane.answered.fetch_add(1, Ordering::Release);
                member.leave().await;
            }
            Err(failure) => {
                run.refuse(failure.message());
                lane.refused.fetch_add(1, Ordering::Release);
            }
        }
        ready = run.now();
    }
    lane.finished.store(true, Ordering::Release);
}
