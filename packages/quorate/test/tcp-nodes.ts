import net from "node:net";
import { assert, type NodeId } from "@quorate/core";
import type { Introduction, Peer, Receiver } from "@quorate/runtime";
import { encodeFrame, encodeHello, type Frame, type Hello, protocolVersion } from "@quorate/wire";
import { onTestFinished } from "vitest";
import type { RefusedConnection } from "../src/handshake.ts";
import { TcpNetwork } from "../src/tcp-network.ts";
import type { TcpNetworkOptions } from "../src/tcp-options.ts";

/** A network of its own, and everything that it has reported. */
export interface TcpNode {
  readonly id: NodeId;
  readonly network: TcpNetwork;
  /** What `HOST:PORT` the others reach it at. */
  readonly address: string;
  readonly frames: { readonly from: NodeId; readonly frame: Frame }[];
  readonly connected: Set<NodeId>;
  readonly disconnections: string[];
  readonly refusals: RefusedConnection[];
  /** Who said that this node was removed, each time. */
  readonly removedBy: NodeId[];
  readonly seen: Introduction[];
}

/** Opens node `id` of the group 1, 2, 3 on a port that the system picks. It ends with the test. */
export async function openNode(
  id: NodeId,
  options: Partial<TcpNetworkOptions> = {},
  incarnation: Uint8Array = new Uint8Array(16),
): Promise<TcpNode> {
  const frames: TcpNode["frames"] = [];
  const connected = new Set<NodeId>();
  const disconnections: string[] = [];
  const refusals: RefusedConnection[] = [];
  const removedBy: NodeId[] = [];
  const seen: Introduction[] = [];
  const others = [1, 2, 3].filter((other) => other !== id);
  const network = new TcpNetwork({
    id,
    clusterId: "test",
    listen: "127.0.0.1:0",
    peers: new Map(others.map((other) => [other, undefined])),
    onRefused: (refusal) => refusals.push(refusal),
    reconnectMsMin: 5,
    reconnectMsMax: 50,
    lingerMs: 100,
    ...options,
  });
  onTestFinished(() => network.close());
  const receiver: Receiver = {
    onFrame: (from, frame) => frames.push({ from, frame }),
    onConnected: (id) => {
      assert(!connected.has(id), "nobody is connected twice");
      connected.add(id);
    },
    onDisconnected: (id, reason) => {
      assert(connected.delete(id), "who is disconnected was connected");
      disconnections.push(`${id}: ${reason}`);
    },
    onRemoved: (by) => removedBy.push(by),
    onPeerSeen: (node) => seen.push(node),
  };
  await network.open(receiver, incarnation);
  const address = network.address ?? "";
  return { id, network, address, frames, connected, disconnections, refusals, removedBy, seen };
}

/** Tells every node where the others are. */
export function introduce(...nodes: readonly TcpNode[]): void {
  const addresses = new Map(nodes.map(({ id, address }) => [id, address]));
  for (const node of nodes) pointTo(node, addresses);
}

/** Tells `node` where the others of the group are, as far as `addresses` says. */
export function pointTo(node: TcpNode, addresses: ReadonlyMap<NodeId, string>): void {
  node.network.setPeers([1, 2, 3].map((id) => peer(id, addresses.get(id))));
}

/** Node `id` as a table of peers has it. */
export function peer(id: NodeId, address: string = "", incarnation?: Uint8Array): Peer {
  return { id, address, incarnation };
}

/** Takes what it is told and does nothing. */
export const deafReceiver: Receiver = {
  onFrame: () => {},
  onConnected: () => {},
  onDisconnected: () => {},
  onRemoved: () => {},
  onPeerSeen: () => {},
};

/** A frame whose payload is `text`. */
export function textFrame(text: string): Uint8Array[] {
  return encodeFrame("raft", [Buffer.from(text)]);
}

/** The payloads that `node` received, as text. */
export function texts(node: TcpNode): string[] {
  return node.frames.map(({ frame }) => Buffer.from(frame.payload).toString());
}

/** A plain socket to `address`, whatever the other side makes of it. It ends with the test. */
export interface Stranger {
  readonly socket: net.Socket;
  /** Whether the connection has ended, in any way. */
  closed(): boolean;
  /** Everything that arrived. */
  received(): Buffer;
}

/** Connects to `address` and sends `bytes`. */
export function connectStranger(address: string, bytes: Uint8Array = new Uint8Array(0)): Stranger {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const socket = net.connect({ host: "127.0.0.1", port });
  const chunks: Buffer[] = [];
  let closed = false;
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    closed = true;
  });
  if (bytes.length > 0) socket.write(bytes);
  onTestFinished(() => {
    socket.destroy();
  });
  return { socket, closed: () => closed, received: () => Buffer.concat(chunks) };
}

/** The frame of a hello from node 2 to node 1 of cluster "test", but for `changes`. */
export function helloBytes(changes: Partial<Hello> = {}): Uint8Array {
  const hello = encodeHello({
    protocolVersion,
    clusterId: "test",
    from: 2,
    to: 1,
    incarnation: new Uint8Array(16),
    ...changes,
  });
  return Buffer.concat(encodeFrame("hello", hello));
}

/** Listens on a port that the system picks and gives every connection to `serve`. It ends with the test. */
export async function listen(serve: (socket: net.Socket) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  assert(typeof address === "object" && address !== null, "a TCP server has a port");
  return `127.0.0.1:${address.port}`;
}

/**
 * Addresses on loopback that nothing listens on, with consecutive ports, for nodes that must know one
 * another's before they listen. Below the ports that systems pick by themselves, so that no other
 * socket takes one meanwhile.
 */
export async function freeAddresses(count: number): Promise<string[]> {
  for (;;) {
    const first = 10_000 + Math.floor(Math.random() * 20_000);
    const ports = Array.from({ length: count }, (_, offset) => first + offset);
    const free = await Promise.all(ports.map(isFree));
    if (!free.includes(false)) return ports.map((port) => `127.0.0.1:${port}`);
  }
}

function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((done) => {
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
