//! openraft's log over a journal, with the last entries in memory for the replication to read.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, RaftLogStorage};
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};
use openraft::{LogState, OptionalSend, RaftLogReader};
use openraft_store::positions;
use tokio::sync::oneshot;

use crate::journal::{Done, Journal, Kind, encode};
use crate::types::Types;

/// How many bytes of entries stay in memory. Those that are not durable always do.
const TAIL_MAX: usize = 64 << 20;

#[derive(Clone)]
pub struct LogStore(Arc<Mutex<State>>);

struct State {
    journal: Journal,
    /// Where the payloads of all entries are; the first of them is entry 0.
    places: Vec<Place>,
    /// The last of the entries.
    tail: VecDeque<EntryOf<Types>>,
    tail_bytes: usize,
    /// How many entries are durable.
    durable_count: usize,
    last: Option<LogIdOf<Types>>,
    vote: Option<VoteOf<Types>>,
}

struct Place {
    offset: u64,
    length: usize,
}

impl LogStore {
    pub fn create(dir: &Path) -> io::Result<LogStore> {
        Ok(LogStore(Arc::new(Mutex::new(State {
            journal: Journal::create(dir)?,
            places: Vec::new(),
            tail: VecDeque::new(),
            tail_bytes: 0,
            durable_count: 0,
            last: None,
            vote: None,
        }))))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no thread panics with the log in its hands")
    }

    /// Writes one record and waits until it is durable.
    async fn write(&self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        let (done, wait) = oneshot::channel();
        let mut bytes = Vec::new();
        encode(kind, payload, &mut bytes);
        let signal: Done = Box::new(move |result| drop(done.send(result)));
        self.state().journal.append(bytes, signal);
        wait.await.map_err(io::Error::other)?
    }
}

impl State {
    fn entry(&self, index: usize) -> io::Result<EntryOf<Types>> {
        let tail_start = self.places.len() - self.tail.len();
        if index >= tail_start {
            return Ok(self.tail[index - tail_start].clone());
        }
        let Place { offset, length } = self.places[index];
        let payload = self.journal.read(offset, length)?;
        postcard::from_bytes(&payload).map_err(io::Error::other)
    }

    fn shorten_tail(&mut self) {
        while self.tail_bytes > TAIL_MAX {
            let oldest = self.places.len() - self.tail.len();
            if oldest >= self.durable_count {
                break;
            }
            self.tail_bytes -= self.places[oldest].length;
            self.tail.pop_front();
        }
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<EntryOf<Types>>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let state = self.state();
        positions(&range, state.places.len())
            .map(|index| state.entry(index))
            .collect()
    }

    async fn read_vote(&mut self) -> io::Result<Option<VoteOf<Types>>> {
        Ok(self.state().vote)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        Ok(LogState {
            last_purged_log_id: None,
            last_log_id: self.state().last,
        })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> io::Result<()> {
        self.write(
            Kind::Vote,
            &postcard::to_stdvec(vote).map_err(io::Error::other)?,
        )
        .await?;
        self.state().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = EntryOf<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        let mut added = Vec::new();
        for entry in entries {
            let payload = postcard::to_stdvec(&entry).map_err(io::Error::other)?;
            let offset = encode(Kind::Entry, &payload, &mut bytes) as u64;
            places.push(Place {
                offset,
                length: payload.len(),
            });
            added.push(entry);
        }
        let store = self.clone();
        let mut state = self.state();
        let durable_count = state.places.len() + added.len();
        let start = state.journal.append(
            bytes,
            Box::new(move |result| {
                if result.is_ok() {
                    store.state().durable_count = durable_count;
                }
                callback.io_completed(result);
            }),
        );
        for (mut place, entry) in places.into_iter().zip(added) {
            assert_eq!(
                entry.index() as usize,
                state.places.len(),
                "the log has no hole"
            );
            place.offset += start;
            state.tail_bytes += place.length;
            state.places.push(place);
            state.last = Some(entry.log_id);
            state.tail.push_back(entry);
        }
        state.shorten_tail();
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<Types>>) -> io::Result<()> {
        let count = last.map_or(0, |last| last.index as usize + 1);
        self.write(Kind::Truncation, &(count as u64).to_le_bytes())
            .await?;
        let mut state = self.state();
        while state.places.len() > count {
            let place = state.places.pop().expect("there is one more than count");
            if state.tail.pop_back().is_some() {
                state.tail_bytes -= place.length;
            }
        }
        state.durable_count = count;
        state.last = last;
        Ok(())
    }

    async fn purge(&mut self, _: LogIdOf<Types>) -> io::Result<()> {
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "without snapshots nothing is purged",
        ))
    }
}
