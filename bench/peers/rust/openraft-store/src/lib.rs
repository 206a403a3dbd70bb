//! What both peers with openraft share of their stores: a state machine that counts, without snapshots, and
//! where entries stand in a log that begins with entry 0.

use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{Stream, TryStreamExt};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::alias::{
    DefaultEntryOf, EntryPayloadOf, LogIdOf, SnapshotMetaOf, SnapshotOf, StoredMembershipOf,
};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, RaftTypeConfig};

/// Where the entries of `range` stand among `count` entries. It may end before it starts.
pub fn positions(range: &impl RangeBounds<u64>, count: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&index) => index as usize,
        Bound::Excluded(&index) => index as usize + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&index) => index as usize + 1,
        Bound::Excluded(&index) => index as usize,
        Bound::Unbounded => count,
    };
    start..end.min(count)
}

/// Counts the commands.
pub struct Counter<C: RaftTypeConfig> {
    /// How many commands were applied.
    pub count: Arc<AtomicU64>,
    last: Option<LogIdOf<C>>,
    membership: StoredMembershipOf<C>,
}

impl<C: RaftTypeConfig> Default for Counter<C> {
    fn default() -> Counter<C> {
        Counter {
            count: Arc::default(),
            last: None,
            membership: StoredMembershipOf::<C>::default(),
        }
    }
}

impl<C> RaftStateMachine<C> for Counter<C>
where
    C: RaftTypeConfig<R = (), Entry = DefaultEntryOf<C>, Payload = EntryPayloadOf<C>>,
{
    type SnapshotData = ();
    type SnapshotBuilder = NoSnapshots;

    async fn applied_state(&mut self) -> io::Result<(Option<LogIdOf<C>>, StoredMembershipOf<C>)> {
        Ok((self.last.clone(), self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<C>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.last = Some(entry.log_id);
            match entry.payload {
                EntryPayload::Blank => {}
                EntryPayload::Normal(_) => {
                    self.count.fetch_add(1, Ordering::Relaxed);
                }
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembershipOf::<C>::new(self.last.clone(), membership);
                }
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

    async fn install_snapshot(&mut self, _: &SnapshotMetaOf<C>, _: ()) -> io::Result<()> {
        Err(no_snapshots())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<C, ()>>> {
        Ok(None)
    }
}

/// No snapshot is ever due: the product's counter takes none either.
pub struct NoSnapshots;

impl<C: RaftTypeConfig> RaftSnapshotBuilder<C> for NoSnapshots {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<C, ()>> {
        Err(no_snapshots())
    }
}

fn no_snapshots() -> io::Error {
    io::Error::other("no snapshots are taken")
}
