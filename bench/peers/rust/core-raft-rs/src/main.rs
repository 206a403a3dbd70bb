//! Measures the core of TiKV: the crate `raft` with its own `MemStorage`.

mod group;

use std::process::ExitCode;

use group::Group;
use measure::{Clock, Error, Setting};

fn main() -> ExitCode {
    measure::core(run)
}

fn run(setting: Setting, clock: &mut Clock) -> Result<usize, Error> {
    let mut group = Group::new(setting.voters)?;
    group.elect()?;
    let before = group.nodes[0].applied;
    group.messages = 0;
    let data = vec![0; setting.bytes];
    clock.start();
    let mut done = 0;
    while done < setting.entries {
        for _ in 0..setting.batch {
            // The crate takes the bytes over, so each proposal needs its own.
            group.nodes[0].raw.propose(vec![], data.clone())?;
        }
        group.settle()?;
        done += setting.batch;
    }
    clock.stop();
    let applied = group.nodes[0].applied - before;
    if applied != done {
        return Err(format!("applied {applied} of {done} entries").into());
    }
    Ok(group.messages)
}
