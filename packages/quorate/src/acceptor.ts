import net from "node:net";
import { type NodeId, none, RaftError } from "@quorate/core";
import type { Receiver } from "@quorate/runtime";
import { decodeHello, type Frame, FrameReader } from "@quorate/wire";
import { type Address, formatAddress } from "./address.ts";
import {
  checkHello,
  handshakeFrameBytesMax,
  type Identity,
  refusalFrame,
  type RefusedConnection,
  welcomeFrame,
} from "./handshake.ts";
import { bytesOf } from "./outgoing-link.ts";
import { systemCode } from "./storage-error.ts";
import type { TcpLimits } from "./tcp-options.ts";

/**
 * How often a peer is told that this node is there, in milliseconds. Part of the protocol: the other side
 * gives a connection up on which nothing comes back for some multiple of it.
 */
const welcomeRepeatMs = 250;

/** What an `Acceptor` needs to know of the rest. */
export interface AcceptorOptions {
  readonly identity: Identity;
  readonly limits: TcpLimits;
  readonly receiver: Receiver;
  /** Whether `id` names another node of the group. */
  readonly isPeer: (id: NodeId) => boolean;
  readonly onRefused: (refusal: RefusedConnection) => void;
  readonly onAccepted: (peer: NodeId) => void;
}

/**
 * Takes the connections of the peers, one for each, and reads their frames. What it holds is bounded by
 * the number of peers and of handshakes: a newer connection of a peer replaces the older, which may
 * be one that the peer lost long ago, and a newer handshake the oldest, which may be a stranger's.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #server: net.Server;
  /** Connections in their handshake, or just refused, the oldest first. */
  readonly #greeting = new Set<net.Socket>();
  readonly #accepted = new Map<NodeId, net.Socket>();
  /** The incarnation that each peer came with first. */
  readonly #incarnations = new Map<NodeId, Uint8Array>();
  #welcomes: NodeJS.Timeout | undefined;
  #listening: Promise<number> | undefined;
  #isClosed = false;
  /** What every welcome looks like. */
  readonly #welcome: Uint8Array = welcomeFrame();

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#server = net.createServer(
      { noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 },
      (socket) => this.#onConnection(socket),
    );
  }

  /** Listens; resolves to the port. Throws `invalid_options` if the address cannot be listened on. */
  listen(address: Address): Promise<number> {
    this.#listening = this.#listen(address);
    return this.#listening;
  }

  /** Ends all connections, delivers nothing more from this moment on, and stops listening. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const sockets = [...this.#greeting, ...this.#accepted.values()];
    this.#accepted.clear();
    for (const socket of sockets) socket.destroy();
    // A server that is closed while it begins to listen never says that it does either.
    await this.#listening?.catch(() => {});
    clearInterval(this.#welcomes);
    await new Promise<void>((done) => {
      this.#server.close(() => done());
    });
  }

  async #listen(address: Address): Promise<number> {
    await new Promise<void>((done, fail) => {
      this.#server.once("error", (error) => fail(listenError(address, error)));
      // Exclusive: a worker of `node:cluster` listens itself, for replicas share no connections.
      this.#server.listen({ host: address.host, port: address.port, exclusive: true }, done);
    });
    this.#server.removeAllListeners("error");
    // What fails from now on is the acceptance of one connection, which its maker tries again.
    this.#server.on("error", () => {});
    this.#welcomes = setInterval(() => this.#repeatWelcomes(), welcomeRepeatMs);
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : address.port;
  }

  #onConnection(socket: net.Socket): void {
    if (this.#isClosed) {
      socket.destroy();
      return;
    }
    const { handshakeTimeoutMs, handshakeCountMax } = this.#options.limits;
    const address = formatAddress({
      host: socket.remoteAddress ?? "?",
      port: socket.remotePort ?? 0,
    });
    const deadline = setTimeout(() => socket.destroy(), handshakeTimeoutMs);
    const reader = new FrameReader({ frameBytesMax: handshakeFrameBytesMax });
    const onData = (bytes: Buffer): void => {
      const peer = this.#onHello(socket, address, () => reader.push(bytesOf(bytes)));
      if (peer === "more") return;
      socket.off("data", onData);
      // A refused connection keeps its deadline and its place: it may not linger once it was told why.
      if (peer === "refused") socket.resume();
      else {
        clearTimeout(deadline);
        this.#greeting.delete(socket);
        this.#accept(socket, address, peer);
      }
    };
    socket.on("data", onData);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      clearTimeout(deadline);
      this.#greeting.delete(socket);
    });
    this.#greeting.add(socket);
    for (const oldest of this.#greeting) {
      if (this.#greeting.size <= handshakeCountMax) break;
      this.#greeting.delete(oldest);
      oldest.destroy();
    }
  }

  /** Decides on a handshake: whose it is, that it is refused, or that more bytes are needed. */
  #onHello(socket: net.Socket, address: string, read: () => Frame[]): NodeId | "refused" | "more" {
    const { identity, isPeer } = this.#options;
    let peer = none;
    try {
      const [frame, ...more] = read();
      if (frame === undefined) return "more";
      if (frame.type !== "hello" || more.length > 0) {
        throw new RaftError(
          "malformed",
          "a connection begins with a hello, and nothing follows it unasked",
        );
      }
      const hello = decodeHello(frame.payload);
      if (isPeer(hello.from)) peer = hello.from;
      const knownIncarnation = (id: NodeId): Uint8Array | undefined => this.#incarnations.get(id);
      const error = checkHello(hello, { own: identity, isPeer, knownIncarnation });
      if (error !== undefined) throw error;
      this.#incarnations.set(peer, hello.incarnation.slice());
      return peer;
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#options.onRefused({ direction: "incoming", peer, address, error });
      socket.end(refusalFrame(error));
      return "refused";
    }
  }

  #accept(socket: net.Socket, address: string, peer: NodeId): void {
    const { receiver, limits, onAccepted, onRefused } = this.#options;
    this.#accepted.get(peer)?.destroy();
    this.#accepted.set(peer, socket);
    onAccepted(peer);
    const reader = new FrameReader({ frameBytesMax: limits.frameBytesMax });
    socket.on("data", (bytes: Buffer) => {
      try {
        for (const frame of reader.push(bytesOf(bytes))) {
          if (this.#accepted.get(peer) !== socket) return;
          checkFrame(frame);
          receiver.onFrame(peer, frame);
        }
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        onRefused({ direction: "incoming", peer, address, error });
        socket.destroy();
      }
    });
    socket.on("close", () => {
      if (this.#accepted.get(peer) === socket) this.#accepted.delete(peer);
    });
    socket.write(this.#welcome);
  }

  /** Says to every peer that this node is there. One that does not read is told once, not again and again. */
  #repeatWelcomes(): void {
    for (const socket of this.#accepted.values()) {
      if (socket.writableLength === 0) socket.write(this.#welcome);
    }
  }
}

/** Throws `malformed` for a frame of the handshake, which is over. */
function checkFrame(frame: Frame): void {
  if (frame.type === "hello" || frame.type === "welcome" || frame.type === "refusal") {
    throw new RaftError("malformed", `a ${frame.type} frame has no place after the handshake`);
  }
}

function listenError(address: Address, cause: Error): RaftError {
  const code = systemCode(cause);
  const why =
    code === "EADDRINUSE"
      ? "the port is in use"
      : code === "EADDRNOTAVAIL"
        ? "this machine has no such address"
        : cause.message;
  return new RaftError("invalid_options", `cannot listen on ${formatAddress(address)}: ${why}`, {
    cause,
  });
}
