//! openraft's network over TCP: one connection for appends, which are streamed without waiting for the
//! answers, and one for votes.
//!
//!     frame = length of the body (u32) · body

use std::future::Future;
use std::io;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use openraft::error::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::impls::BasicNode;
use openraft::network::{
    Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
    RaftNetworkFactory,
};
use openraft::raft::{
    AppendEntriesRequest, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
    TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::type_config::alias::{SnapshotOf, VoteOf};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::types::{Raft, Types};

const APPENDS: u8 = 1;
const VOTES: u8 = 2;
const FRAME_MAX: usize = 256 << 20;

type Failure = RPCError<Types>;
type Answers<'s> = BoxStream<'s, Result<StreamAppendResult<Types>, Failure>>;

struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: BufWriter<OwnedWriteHalf>,
}

impl Connection {
    fn new(socket: TcpStream) -> io::Result<Connection> {
        socket.set_nodelay(true)?;
        let (reader, writer) = socket.into_split();
        Ok(Connection {
            reader: BufReader::new(reader),
            writer: BufWriter::new(writer),
        })
    }

    async fn open(address: &str, kind: u8) -> io::Result<Connection> {
        let mut connection = Connection::new(TcpStream::connect(address).await?)?;
        connection.writer.write_u8(kind).await?;
        Ok(connection)
    }
}

async fn write_frame<T: Serialize>(
    writer: &mut BufWriter<OwnedWriteHalf>,
    value: &T,
) -> io::Result<()> {
    let body = postcard::to_stdvec(value).map_err(io::Error::other)?;
    writer.write_u32(body.len() as u32).await?;
    writer.write_all(&body).await?;
    writer.flush().await
}

async fn read_frame<T: DeserializeOwned>(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<T> {
    let length = reader.read_u32().await? as usize;
    if length > FRAME_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the frame is too long",
        ));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    postcard::from_bytes(&body).map_err(io::Error::other)
}

fn unreachable(error: io::Error) -> Failure {
    RPCError::Unreachable(Unreachable::new(&error))
}

pub struct Network;

impl RaftNetworkFactory<Types> for Network {
    type Network = Peer;

    async fn new_client(&mut self, _: u64, node: &BasicNode) -> Peer {
        Peer {
            address: node.addr.clone(),
            appends: None,
            votes: None,
        }
    }
}

/// One other node, as the replication, the heartbeats or the elections reach it.
pub struct Peer {
    address: String,
    /// Idle connections. One that failed, or was given up amid an exchange, is not put back.
    appends: Option<Connection>,
    votes: Option<Connection>,
}

impl NetStreamAppend<Types> for Peer {
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _: RPCOption,
    ) -> futures_util::future::BoxFuture<'s, Result<Answers<'s>, Failure>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
    {
        Box::pin(async move {
            let Connection { reader, writer } = match self.appends.take() {
                Some(idle) => idle,
                None => Connection::open(&self.address, APPENDS)
                    .await
                    .map_err(unreachable)?,
            };
            let (sent, expected) = mpsc::unbounded_channel();
            let sending = Sending(tokio::spawn(send_all(writer, input, sent)));
            let exchange = Exchange {
                idle: &mut self.appends,
                reader,
                expected,
                sending,
            };
            Ok(stream::unfold(Some(exchange), answer).boxed())
        })
    }
}

struct Exchange<'s> {
    idle: &'s mut Option<Connection>,
    reader: BufReader<OwnedReadHalf>,
    /// Tells of every request that was sent.
    expected: mpsc::UnboundedReceiver<()>,
    sending: Sending,
}

/// Whoever gives the answers up gives the requests up, too.
struct Sending(JoinHandle<io::Result<BufWriter<OwnedWriteHalf>>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send_all<S>(
    mut writer: BufWriter<OwnedWriteHalf>,
    mut input: S,
    sent: mpsc::UnboundedSender<()>,
) -> io::Result<BufWriter<OwnedWriteHalf>>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Unpin,
{
    while let Some(request) = input.next().await {
        write_frame(&mut writer, &request).await?;
        let _ = sent.send(());
    }
    Ok(writer)
}

/// The next answer. After the last one the connection is idle again.
async fn answer(
    exchange: Option<Exchange<'_>>,
) -> Option<(
    Result<StreamAppendResult<Types>, Failure>,
    Option<Exchange<'_>>,
)> {
    let mut exchange = exchange?;
    if exchange.expected.recv().await.is_some() {
        return match read_frame::<StreamAppendResult<Types>>(&mut exchange.reader).await {
            // The other side ends the connection after it refused an append.
            Ok(Err(refusal)) => Some((Ok(Err(refusal)), None)),
            Ok(taken) => Some((Ok(taken), Some(exchange))),
            Err(error) => Some((Err(unreachable(error)), None)),
        };
    }
    match (&mut exchange.sending.0).await {
        Ok(Ok(writer)) => {
            *exchange.idle = Some(Connection {
                reader: exchange.reader,
                writer,
            });
            None
        }
        Ok(Err(error)) => Some((Err(unreachable(error)), None)),
        Err(error) => Some((Err(unreachable(io::Error::other(error))), None)),
    }
}

impl Peer {
    async fn ask(
        &mut self,
        is_pre_vote: bool,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        let exchange = async {
            let mut connection = match self.votes.take() {
                Some(idle) => idle,
                None => Connection::open(&self.address, VOTES).await?,
            };
            write_frame(&mut connection.writer, &(is_pre_vote, request)).await?;
            let response = read_frame(&mut connection.reader).await?;
            self.votes = Some(connection);
            Ok(response)
        };
        match tokio::time::timeout(option.hard_ttl(), exchange).await {
            Ok(result) => result.map_err(unreachable),
            Err(late) => Err(unreachable(late.into())),
        }
    }
}

impl NetVote<Types> for Peer {
    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        self.ask(false, request, option).await
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, Failure> {
        self.ask(true, request, option).await
    }
}

impl NetBackoff<Types> for Peer {
    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(Duration::from_millis(100))))
    }
}

impl NetSnapshot<Types> for Peer {
    type SnapshotData = ();

    async fn full_snapshot(
        &mut self,
        _: VoteOf<Types>,
        _: SnapshotOf<Types, ()>,
        _: impl Future<Output = ReplicationClosed> + Send + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(StreamingError::Unreachable(Unreachable::from_string(
            "there are no snapshots",
        )))
    }
}

impl NetTransferLeader<Types> for Peer {
    async fn transfer_leader(
        &mut self,
        _: TransferLeaderRequest<Types>,
        _: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, Failure> {
        Err(RPCError::Unreachable(Unreachable::from_string(
            "leadership stays where it is",
        )))
    }
}

/// Answers the other nodes for as long as this process runs.
pub async fn serve(raft: Raft, listener: TcpListener) {
    while let Ok((socket, _)) = listener.accept().await {
        let raft = raft.clone();
        tokio::spawn(async move {
            if let Err(error) = serve_one(raft, socket).await {
                eprintln!("a connection ended: {error}");
            }
        });
    }
}

async fn serve_one(raft: Raft, socket: TcpStream) -> io::Result<()> {
    let Connection {
        mut reader,
        mut writer,
    } = Connection::new(socket)?;
    if reader.read_u8().await? == APPENDS {
        let requests = stream::unfold(reader, |mut reader| async move {
            let request: AppendEntriesRequest<Types> = read_frame(&mut reader).await.ok()?;
            Some((request, reader))
        });
        let mut answers = Box::pin(raft.stream_append(requests));
        while let Some(Ok(answer)) = answers.next().await {
            write_frame(&mut writer, &answer).await?;
            if answer.is_err() {
                break;
            }
        }
        return Ok(());
    }
    loop {
        let (is_pre_vote, request): (bool, VoteRequest<Types>) = read_frame(&mut reader).await?;
        let response = if is_pre_vote {
            raft.pre_vote(request).await
        } else {
            raft.vote(request).await
        };
        write_frame(&mut writer, &response.map_err(io::Error::other)?).await?;
    }
}
