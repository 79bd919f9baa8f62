//! Members who talk while something happens to others: pairs, of whom one sends a line and waits until the other has it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::latency::Latencies;
use support::raw::{Arrival, CrowdSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long one waits after a line before it sends the next.
const BREATH: Duration = Duration::from_millis(5);

/// So many pairs at it.
pub(super) struct Talk {
    pairs: JoinSet<()>,
    measured: watch::Sender<Arc<Latencies>>,
    is_over: Arc<AtomicBool>,
}

impl Talk {
    /// Has them join, and begin.
    pub(super) async fn start(address: SocketAddr, pairs: usize) -> Self {
        let measured = watch::Sender::new(Arc::new(Latencies::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let mut talking = JoinSet::new();
        for number in 0..pairs {
            let (speaks, listens) = (format!("speaks_{number}"), format!("listens_{number}"));
            let from = CrowdSocket::identified(address, &speaks, "", Arrival::default()).await.unwrap();
            let to = CrowdSocket::identified(address, &listens, "", Arrival::default()).await.unwrap();
            let (measured, is_over) = (measured.subscribe(), Arc::clone(&is_over));
            talking.spawn(async move { talk(from, to, &listens, &measured, &is_over).await });
        }
        Self { pairs: talking, measured, is_over }
    }

    /// Begins a new measurement; returns the one until now.
    pub(super) fn turn_over(&self) -> Arc<Latencies> {
        self.measured.send_replace(Arc::new(Latencies::new()))
    }

    /// Waits until so many lines were measured since the last measurement began.
    pub(super) async fn until_measured(&self, lines: u64) {
        let latencies = Arc::clone(&self.measured.borrow());
        while latencies.count() < lines {
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Ends it. Every line has come through, in order, or this panics.
    pub(super) async fn end(mut self) -> Arc<Latencies> {
        self.is_over.store(true, Ordering::Relaxed);
        while let Some(pair) = self.pairs.join_next().await {
            pair.unwrap();
        }
        self.turn_over()
    }
}

async fn talk(
    mut from: CrowdSocket,
    mut to: CrowdSocket,
    name: &str,
    measured: &watch::Receiver<Arc<Latencies>>,
    is_over: &AtomicBool,
) {
    let mut line = 0_u64;
    while !is_over.load(Ordering::Relaxed) {
        let text =
            format!(r#"{{"type":"MESSAGE","target":{{"type":"NAME","name":"{name}"}},"data":{line}}}"#);
        let sent = Instant::now();
        from.send_text(&text).await.unwrap();
        let heard = to.next_text().await.unwrap();
        assert!(heard.ends_with(&format!(r#""data":{line}}}"#)), "{heard} instead of line {line}");
        measured.borrow().record(sent.elapsed());
        assert_eq!(from.next_text().await.unwrap(), format!(r#"{{"seq":{line},"type":"OK"}}"#));
        line += 1;
        tokio::time::sleep(BREATH).await;
    }
}
