use measure::Error;
use raft::eraftpb::Message;
use raft::storage::MemStorage;
use raft::{Config, RawNode, StateRole};
use slog::{Discard, Logger, o};

const MEBI: u64 = 1 << 20;

/// One member, with memory for a disk.
pub struct Node {
    pub raw: RawNode<MemStorage>,
    pub applied: usize,
}

/// All members in one thread, with a vector for a network.
pub struct Group {
    pub nodes: Vec<Node>,
    network: Vec<Message>,
    pub messages: usize,
}

impl Group {
    /// The limits are those that Quorate has by default. Two settings are those of TiKV, and the nearest
    /// to what Quorate does: entries proposed together travel together, and the commit index travels with
    /// the next append.
    pub fn new(voters: usize) -> Result<Group, Error> {
        let ids: Vec<u64> = (1..=voters as u64).collect();
        let logger = Logger::root(Discard, o!());
        let mut nodes = Vec::with_capacity(voters);
        for &id in &ids {
            let config = Config {
                id,
                election_tick: 10,
                heartbeat_tick: 1,
                max_size_per_msg: MEBI,
                max_inflight_msgs: 256,
                max_uncommitted_size: 64 * MEBI,
                max_committed_size_per_ready: 4 * MEBI,
                check_quorum: true,
                pre_vote: true,
                batch_append: true,
                skip_bcast_commit: true,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state((ids.clone(), vec![]));
            nodes.push(Node {
                raw: RawNode::new(&config, storage, &logger)?,
                applied: 0,
            });
        }
        Ok(Group {
            nodes,
            network: vec![],
            messages: 0,
        })
    }

    /// Makes the first node leader, and lets everyone learn of it.
    pub fn elect(&mut self) -> Result<(), Error> {
        self.nodes[0].raw.campaign()?;
        self.settle()?;
        if self.nodes[0].raw.raft.state != StateRole::Leader {
            return Err("node 1 did not win a quiet election".into());
        }
        Ok(())
    }

    /// Performs and delivers until nothing is left to do.
    pub fn settle(&mut self) -> Result<(), Error> {
        loop {
            let performed = self.perform()?;
            let delivered = self.deliver()?;
            if !performed && !delivered {
                return Ok(());
            }
        }
    }

    /// Lets every node do all that is due, once, and puts what they say on the network.
    fn perform(&mut self) -> Result<bool, Error> {
        let mut any = false;
        for node in &mut self.nodes {
            while node.raw.has_ready() {
                node.perform(&mut self.network)?;
                any = true;
            }
        }
        Ok(any)
    }

    /// Hands over what is on the network: one hop.
    fn deliver(&mut self) -> Result<bool, Error> {
        let messages = std::mem::take(&mut self.network);
        self.messages += messages.len();
        let any = !messages.is_empty();
        for message in messages {
            self.nodes[message.to as usize - 1].raw.step(message)?;
        }
        Ok(any)
    }
}

impl Node {
    fn perform(&mut self, network: &mut Vec<Message>) -> Result<(), Error> {
        let mut ready = self.raw.ready();
        network.append(&mut ready.take_messages());
        self.applied += ready.take_committed_entries().len();
        let storage = self.raw.store().clone();
        storage.wl().append(ready.entries())?;
        if let Some(hard_state) = ready.hs() {
            storage.wl().set_hardstate(hard_state.clone());
        }
        network.append(&mut ready.take_persisted_messages());
        let mut light = self.raw.advance(ready);
        if let Some(commit) = light.commit_index() {
            storage.wl().mut_hard_state().commit = commit;
        }
        network.append(&mut light.take_messages());
        self.applied += light.take_committed_entries().len();
        self.raw.advance_apply();
        Ok(())
    }
}
