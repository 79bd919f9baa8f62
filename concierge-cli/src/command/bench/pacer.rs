//! Keeps the time of an open loop, on a thread of its own: the runtime's timers are only exact to a millisecond.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::schedule::Schedule;

/// How long it sleeps at most before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// A thread that says when arrivals are due. It ends with the schedule, or when this is dropped.
#[derive(Debug)]
pub(super) struct Pacer {
    stop: Arc<AtomicBool>,
}

impl Pacer {
    /// Calls `due` with the lane of each arrival when its time has come.
    pub(super) fn start(epoch: Instant, schedule: Schedule, due: impl Fn(u64) + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for index in 0.. {
                let Some(moment) = schedule.due(index) else { break };
                while let Some(left) = moment.checked_sub(epoch.elapsed()) {
                    if left.is_zero() || stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    std::thread::sleep(left.min(LOOK));
                }
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                due(schedule.lane(index));
            }
        });
        Self { stop }
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, sync::mpsc};

    use super::{super::schedule::End, *};

    fn schedule(rate: u32, count: u64) -> Schedule {
        let end = End { span: None, count: Some(count) };
        Schedule::new(NonZeroU32::new(rate).unwrap(), 2, Duration::ZERO, end)
    }

    #[test]
    fn every_arrival_is_called_and_none_before_its_time() {
        let (sender, called) = mpsc::channel();
        let (epoch, schedule) = (Instant::now(), schedule(500, 20));
        let _pacer = Pacer::start(epoch, schedule, move |lane| {
            sender.send((lane, epoch.elapsed())).ok();
        });
        let called: Vec<_> = called.iter().collect();
        assert_eq!(called.len(), 20);
        for (index, (lane, at)) in (0..).zip(called) {
            assert_eq!(lane, index % 2);
            assert!(at >= schedule.due(index).unwrap());
        }
    }

    #[test]
    fn it_ends_when_nobody_wants_it() {
        let (sender, called) = mpsc::channel();
        drop(Pacer::start(Instant::now(), schedule(1, 1_000_000), move |lane| {
            sender.send(lane).ok();
        }));
        // It ends, and with it what it was given.
        while called.recv().is_ok() {}
    }
}
