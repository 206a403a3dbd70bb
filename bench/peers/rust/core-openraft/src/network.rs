use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use measure::Error;
use openraft::alias::{SnapshotOf, VoteOf};
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, Config, OptionalSend, Raft};
use openraft_store::Counter;

use crate::store::{Log, TypeConfig};

/// One member, and how many commands it has applied.
#[derive(Clone)]
pub struct Node {
    pub raft: Raft<TypeConfig, Counter<TypeConfig>>,
    pub applied: Arc<AtomicU64>,
}

/// Hands every message over by a call.
#[derive(Clone, Default)]
pub struct Router {
    nodes: Arc<OnceLock<BTreeMap<u64, Node>>>,
    /// Requests and answers: each counts.
    pub messages: Arc<AtomicUsize>,
}

impl Router {
    pub async fn start(ids: &BTreeSet<u64>, config: Arc<Config>) -> Result<Router, Error> {
        let router = Router::default();
        let mut nodes = BTreeMap::new();
        for &id in ids {
            let machine = Counter::default();
            let applied = machine.count.clone();
            let log = Log::default();
            let raft = Raft::new(id, config.clone(), router.clone(), log, machine).await?;
            nodes.insert(id, Node { raft, applied });
        }
        if router.nodes.set(nodes).is_err() {
            return Err("the router was started before".into());
        }
        Ok(router)
    }

    pub async fn stop(&self) -> Result<(), Error> {
        for node in self.nodes.get().into_iter().flat_map(BTreeMap::values) {
            node.raft.shutdown().await?;
        }
        Ok(())
    }

    pub fn node(&self, id: u64) -> Node {
        self.nodes.get().expect("the router was started")[&id].clone()
    }
}

impl RaftNetworkFactory<TypeConfig> for Router {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _node: &()) -> Link {
        Link {
            target: self.node(target).raft,
            messages: self.messages.clone(),
        }
    }
}

/// The way to one node.
pub struct Link {
    target: Raft<TypeConfig, Counter<TypeConfig>>,
    messages: Arc<AtomicUsize>,
}

fn lost(error: impl std::error::Error + 'static) -> RPCError<TypeConfig> {
    RPCError::Network(NetworkError::new(&error))
}

impl RaftNetworkV2<TypeConfig> for Link {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.messages.fetch_add(2, Ordering::Relaxed);
        self.target.append_entries(request).await.map_err(lost)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.target.vote(request).await.map_err(lost)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        self.target.pre_vote(request).await.map_err(lost)
    }

    async fn full_snapshot(
        &mut self,
        _vote: VoteOf<TypeConfig>,
        _snapshot: SnapshotOf<TypeConfig, ()>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let error = AnyError::error("no snapshots are taken");
        Err(StreamingError::Unreachable(Unreachable::new(&error)))
    }
}
