//! Measures openraft in the shape of its own benchmark: nodes that call one another, a log and a state
//! machine in memory; here on one thread.

mod network;
mod store;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::StreamExt;
use measure::{Clock, Error, Setting};
use network::{Node, Router};
use openraft::{Config, SnapshotPolicy};
use store::Command;

const PATIENCE: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    measure::core(|setting, clock| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        runtime.block_on(run(setting, clock))
    })
}

async fn run(setting: Setting, clock: &mut Clock) -> Result<usize, Error> {
    let ids: BTreeSet<u64> = (1..=setting.voters as u64).collect();
    let config = Config {
        // Timers are in real time here: long ones, so that a busy machine elects nobody anew.
        election_timeout_min: 5_000,
        election_timeout_max: 10_000,
        heartbeat_interval: 500,
        max_payload_entries: 4096,
        enable_pre_vote: Some(true),
        snapshot_policy: SnapshotPolicy::Never,
        ..Config::default()
    };
    let router = Router::start(&ids, Arc::new(config.validate()?)).await?;
    let leader = router.node(1);
    leader.raft.initialize(ids.clone()).await?;
    // The leader refuses writes for a moment after it calls itself one; not once all have its first entry.
    for &id in &ids {
        let wait = router.node(id).raft.wait(Some(PATIENCE));
        wait.applied_index_at_least(Some(1), "the group has a leader")
            .await?;
    }
    router.messages.store(0, Ordering::Relaxed);
    let data = vec![0; setting.bytes];
    clock.start();
    let mut done = 0;
    while done < setting.entries {
        write(&leader, &data, setting.batch).await?;
        done += setting.batch;
    }
    clock.stop();
    let applied = leader.applied.load(Ordering::Relaxed);
    if applied != done as u64 {
        return Err(format!("applied {applied} of {done} entries").into());
    }
    let messages = router.messages.load(Ordering::Relaxed);
    router.stop().await?;
    Ok(messages)
}

/// Proposes a batch, and waits until the leader has applied it.
async fn write(leader: &Node, data: &[u8], batch: usize) -> Result<(), Error> {
    if batch == 1 {
        leader.raft.client_write(Command(data.to_vec())).await?;
        return Ok(());
    }
    let commands: Vec<Command> = (0..batch).map(|_| Command(data.to_vec())).collect();
    let mut results = leader.raft.client_write_many(commands).await?;
    while let Some(result) = results.next().await {
        result??;
    }
    Ok(())
}
