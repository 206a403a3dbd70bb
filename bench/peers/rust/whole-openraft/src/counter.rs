//! The state machine: it counts commands.

use std::io;

use futures_util::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf};
use openraft::{EntryPayload, RaftSnapshotBuilder};

use crate::types::Types;

#[derive(Default)]
pub struct Counter {
    count: u64,
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
}

impl RaftStateMachine<Types> for Counter {
    type SnapshotData = u64;
    type SnapshotBuilder = NoSnapshots;

    async fn applied_state(
        &mut self,
    ) -> io::Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.applied = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Normal(_) => self.count += 1,
                EntryPayload::Membership(membership) => {
                    self.membership =
                        StoredMembershipOf::<Types>::new(Some(entry.log_id), membership);
                }
                EntryPayload::Blank => {}
            }
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> NoSnapshots {
        NoSnapshots
    }

    async fn install_snapshot(&mut self, _: &SnapshotMetaOf<Types>, _: u64) -> io::Result<()> {
        Err(none())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<Types, u64>>> {
        Ok(None)
    }
}

/// No snapshot is ever due: the product's counter takes none either.
pub struct NoSnapshots;

impl RaftSnapshotBuilder<Types> for NoSnapshots {
    type SnapshotData = u64;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<Types, u64>> {
        Err(none())
    }
}

fn none() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "the counter has no snapshots")
}
