//! What transfers cost: no more memory than the pieces that are on their way.

use support::process::{peak_resident_bytes, resident_bytes};
use support::transfer::Store;

use super::gateway_process;

/// The most that all the transfers together may cost, in bytes.
const BUDGET: usize = 16 << 20;

#[test]
#[ignore = "measures the release build: tests/run runs it"]
fn fifty_transfers_of_64_mib_take_less_than_16_mib_of_memory() {
    let place = tempfile::tempdir().unwrap();
    let unlimited = ["files.client_uploads=unlimited", "files.client_bytes=unlimited"];
    let gateway = gateway_process(&place.path().join("files"), &unlimited).unwrap();
    let (store, _owner) = Store::of_gateway(gateway.address(), "owner").unwrap();
    let content = vec![b'x'; 64 << 20];
    store.put("file", &content).unwrap();
    let before = resident_bytes(gateway.program.id());
    store.crowd(50, &content).unwrap();
    let more = peak_resident_bytes(gateway.program.id()).saturating_sub(before);
    println!("50 transfers of 64 MiB at once: {} KiB more memory", more >> 10);
    assert!(more < BUDGET, "{more} bytes more");
}
