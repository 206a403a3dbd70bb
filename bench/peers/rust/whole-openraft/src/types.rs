//! What openraft is used with here: commands are bytes, and applying one answers nothing.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One client's command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command(pub Bytes);

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

openraft::declare_raft_types!(
    pub Types:
        D = Command,
        R = (),
        Node = openraft::impls::BasicNode,
);

pub type Raft = openraft::Raft<Types, openraft_store::Counter<Types>>;
