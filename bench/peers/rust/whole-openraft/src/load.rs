//! The clients: each waits for its answer before it writes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::{Command, Raft};

#[derive(Deserialize)]
pub struct Load {
    clients: usize,
    bytes: usize,
    writes: i64,
    seconds: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadResult {
    writes: usize,
    seconds: f64,
    median_ms: f64,
    p99_ms: f64,
}

/// Keeps as many proposals under way as there are clients until all writes were made or the time is
/// over.
pub async fn run(raft: &Raft, load: &Load) -> Result<LoadResult, String> {
    let data = Bytes::from(vec![7; load.bytes]);
    let left = Arc::new(AtomicI64::new(load.writes));
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(load.seconds);
    let clients: Vec<_> = (0..load.clients)
        .map(|_| {
            let (raft, data, left) = (raft.clone(), data.clone(), left.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while Instant::now() < end && left.fetch_sub(1, Ordering::Relaxed) > 0 {
                    let began = Instant::now();
                    // A copy, since the library of the product makes one too.
                    let command = Command(Bytes::copy_from_slice(&data));
                    raft.client_write(command)
                        .await
                        .map_err(|error| error.to_string())?;
                    times.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                Ok::<_, String>(times)
            })
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.map_err(|error| error.to_string())??);
    }
    let seconds = start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    Ok(LoadResult {
        writes: times.len(),
        seconds,
        median_ms: percentile(&times, 50),
        p99_ms: percentile(&times, 99),
    })
}

/// The smallest value that at least `percent` of the values do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0)
}
