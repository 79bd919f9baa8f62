//! The gateway beside NATS and a bare relay, in one run: the same work, the same load, in turn.
//!
//! `cargo bench -p concierge-bench --bench compare` takes half an hour on a machine that has nothing else to do; `-- --quick` a
//! few minutes; `-- --once` does everything once and small, with the gateway alone, checking counts and no figures. `-- --help`
//! has the rest. Needs `nats-server`, which is a Debian package of that name.

use anyhow::Result;
use clap::Parser as _;

fn main() -> Result<()> {
    concierge_bench::compare(&concierge_bench::Arguments::parse())
}
