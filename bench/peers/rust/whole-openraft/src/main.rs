//! One node of openraft with a log of our own in plain files, measured as a whole system.
//!
//!     whole-openraft node --id 1 --cluster 1=127.0.0.1:5001,2=… --dir DIR --election-ms 1000
//!
//! Then one JSON object per line comes in, and one answer with the same id per line goes out, with the
//! shapes of bench/src/replica-protocol.ts. The end of the input ends the process.

mod journal;
mod load;
mod log_store;
mod network;
mod types;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use openraft::async_runtime::WatchReceiver;
use openraft::impls::BasicNode;
use openraft::{Config, SnapshotPolicy};
use openraft_store::Counter;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, stdin, stdout};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::types::Raft;

#[derive(Deserialize)]
struct Request {
    id: u64,
    #[serde(flatten)]
    command: Command,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Command {
    Load(load::Load),
    Status,
    Close,
}

struct Options {
    id: u64,
    cluster: BTreeMap<u64, BasicNode>,
    dir: PathBuf,
    election_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let raft = start(&parse(std::env::args().skip(1))?).await?;
    let (answers, mut queue) = mpsc::unbounded_channel::<Value>();
    tokio::spawn(async move {
        let mut out = stdout();
        while let Some(answer) = queue.recv().await {
            let line = format!("{answer}\n");
            if out.write_all(line.as_bytes()).await.is_err() || out.flush().await.is_err() {
                break;
            }
        }
    });
    answers.send(json!({ "kind": "started", "id": 0 }))?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let Request { id, command } = serde_json::from_str(&line)?;
        let (raft, answers) = (raft.clone(), answers.clone());
        tokio::spawn(async move {
            let mut answer = handle(&raft, command).await;
            answer["id"] = json!(id);
            let _ = answers.send(answer);
        });
    }
    // The parent may be gone without a word: nobody waits for a good end.
    std::process::exit(0)
}

async fn handle(raft: &Raft, command: Command) -> Value {
    match command {
        Command::Load(load) => match load::run(raft, &load).await {
            Ok(result) => json!({ "kind": "load", "result": result }),
            Err(reason) => json!({ "kind": "failed", "reason": reason }),
        },
        Command::Status => {
            let metrics = raft.metrics().borrow_watched().clone();
            json!({
                "kind": "status",
                "role": format!("{:?}", metrics.state).to_lowercase(),
                "leader": metrics.current_leader.unwrap_or(0),
                "appliedIndex": metrics.last_applied.map_or(0, |id| id.index),
                "commitIndex": metrics.local_committed.map_or(0, |id| id.index),
            })
        }
        Command::Close => match raft.shutdown().await {
            Ok(()) => json!({ "kind": "closed" }),
            Err(error) => json!({ "kind": "failed", "reason": error.to_string() }),
        },
    }
}

async fn start(options: &Options) -> Result<Raft, Box<dyn Error>> {
    let address = &options.cluster[&options.id].addr;
    let listener = TcpListener::bind(address).await?;
    std::fs::create_dir_all(&options.dir)?;
    let config = Config {
        heartbeat_interval: options.election_ms / 10,
        election_timeout_min: options.election_ms,
        election_timeout_max: 2 * options.election_ms,
        enable_pre_vote: Some(true),
        snapshot_policy: SnapshotPolicy::Never,
        ..Config::default()
    };
    let raft = Raft::new(
        options.id,
        Arc::new(config.validate()?),
        network::Network,
        log_store::LogStore::create(&options.dir)?,
        Counter::default(),
    )
    .await?;
    tokio::spawn(network::serve(raft.clone(), listener));
    if options.cluster.keys().next() == Some(&options.id) {
        raft.initialize(options.cluster.clone()).await?;
    }
    Ok(raft)
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    if args.next().as_deref() != Some("node") {
        return Err("the only command is node".into());
    }
    let mut options = Options {
        id: 0,
        cluster: BTreeMap::new(),
        dir: PathBuf::new(),
        election_ms: 1000,
    };
    while let (Some(name), Some(value)) = (args.next(), args.next()) {
        match name.as_str() {
            "--id" => options.id = value.parse()?,
            "--dir" => options.dir = PathBuf::from(value),
            "--election-ms" => options.election_ms = value.parse()?,
            "--cluster" => {
                for pair in value.split(',') {
                    let (id, address) = pair.split_once('=').ok_or("a node is ID=HOST:PORT")?;
                    if !address.starts_with("127.0.0.1:") {
                        return Err(format!("{address} is not on loopback").into());
                    }
                    options.cluster.insert(id.parse()?, BasicNode::new(address));
                }
            }
            _ => return Err(format!("{name} is no option").into()),
        }
    }
    if !options.cluster.contains_key(&options.id) || options.dir.as_os_str().is_empty() {
        return Err("--id must be in --cluster, and --dir be given".into());
    }
    Ok(options)
}
