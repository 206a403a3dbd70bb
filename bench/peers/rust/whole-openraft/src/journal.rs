//! One file of records, written and synced by one thread: what waits while it syncs is written and
//! synced together next, so that a sync is shared as it is in the product. The space ahead is filled
//! with zeros and synced by a second thread, so that a data sync changes no metadata of the file, again
//! as in the product.
//!
//!     record = length of the payload (u32) · CRC-32 of the payload (u32) · kind (u8) · payload
//!
//! Nothing is read back after a restart: the measured processes always begin with an empty directory.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// How much space is prepared at a time, and how little may be left before the next is.
const STEP: u64 = 64 << 20;
const LOW: u64 = STEP / 2;
/// How many bytes are written and synced together at most, but for a single longer write.
const BATCH_MAX: usize = 16 << 20;

#[derive(Clone, Copy)]
pub enum Kind {
    Entry = 1,
    Vote = 2,
    Truncation = 3,
}

/// Adds one record to `out`. Returns the offset of its payload in `out`.
pub fn encode(kind: Kind, payload: &[u8], out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.push(kind as u8);
    out.extend_from_slice(payload);
    out.len() - payload.len()
}

/// Called when what was written is durable, or never will be.
pub type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

struct Write {
    bytes: Vec<u8>,
    done: Done,
}

pub struct Journal {
    file: Arc<File>,
    writes: Sender<Write>,
    end: u64,
}

impl Journal {
    pub fn create(dir: &Path) -> io::Result<Journal> {
        let file = Arc::new(
            OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .open(dir.join("log"))?,
        );
        fill(&file, 0, STEP)?;
        File::open(dir)?.sync_all()?;
        let (writes, queue) = channel();
        let own = file.clone();
        thread::spawn(move || run(&own, &queue));
        Ok(Journal {
            file,
            writes,
            end: 0,
        })
    }

    /// Queues `bytes` to be written after all before. Returns the offset where they will be.
    pub fn append(&mut self, bytes: Vec<u8>, done: Done) -> u64 {
        let offset = self.end;
        self.end += bytes.len() as u64;
        // The thread ends only with this sender.
        let _ = self.writes.send(Write { bytes, done });
        offset
    }

    /// Reads a payload that is durable.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut payload = vec![0; length];
        self.file.read_exact_at(&mut payload, offset)?;
        Ok(payload)
    }
}

fn run(file: &Arc<File>, queue: &Receiver<Write>) {
    let (wishes, wish) = channel();
    let (grown, growth) = channel();
    let own = file.clone();
    thread::spawn(move || {
        for from in wish {
            if grown.send(fill(&own, from, STEP)).is_err() {
                break;
            }
        }
    });
    let mut space = Space {
        ready: STEP,
        wishes,
        growth,
        is_growing: false,
    };
    let mut end = 0;
    while let Ok(first) = queue.recv() {
        let mut bytes = first.bytes;
        let mut done = vec![first.done];
        while bytes.len() < BATCH_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes.extend_from_slice(&next.bytes);
            done.push(next.done);
        }
        let result = space
            .reserve(end + bytes.len() as u64)
            .and_then(|()| file.write_all_at(&bytes, end))
            .and_then(|()| file.sync_data());
        end += bytes.len() as u64;
        for one in done {
            one(result
                .as_ref()
                .map(|()| ())
                .map_err(|error| io::Error::new(error.kind(), error.to_string())));
        }
    }
}

struct Space {
    ready: u64,
    wishes: Sender<u64>,
    growth: Receiver<io::Result<()>>,
    is_growing: bool,
}

impl Space {
    /// Waits until there is space up to `end`, and has more prepared before it runs out.
    fn reserve(&mut self, end: u64) -> io::Result<()> {
        loop {
            let is_short = end > self.ready;
            if self.is_growing {
                let grown = if is_short {
                    self.growth.recv().ok()
                } else {
                    self.growth.try_recv().ok()
                };
                if let Some(result) = grown {
                    result?;
                    self.ready += STEP;
                    self.is_growing = false;
                }
            }
            if !self.is_growing && end + LOW > self.ready {
                let _ = self.wishes.send(self.ready);
                self.is_growing = true;
            }
            if end <= self.ready {
                return Ok(());
            }
        }
    }
}

fn fill(file: &File, from: u64, length: u64) -> io::Result<()> {
    let zeros = vec![0; 1 << 20];
    for offset in (from..from + length).step_by(zeros.len()) {
        file.write_all_at(&zeros, offset)?;
    }
    file.sync_data()
}
