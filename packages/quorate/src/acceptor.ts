import net from "node:net";
import { type NodeId, none, RaftError } from "@quorate/core";
import type { Admission, Introduction, PeerBook, Receiver } from "@quorate/runtime";
import { decodeHello, type Frame, FrameReader } from "@quorate/wire";
import { type Address, formatAddress } from "./address.ts";
import {
  checkHello,
  handshakeFrameBytesMax,
  type Identity,
  introductionOf,
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
  readonly own: Pick<Identity, "id" | "clusterId">;
  readonly limits: TcpLimits;
  readonly receiver: Receiver;
  /** Decides who comes in, and learns who did. */
  readonly book: PeerBook;
  readonly onRefused: (refusal: RefusedConnection) => void;
  readonly onAccepted: (node: Introduction, admission: Admission) => void;
  /** A guest is gone, and its connection with it. */
  readonly onGuestGone: (guest: NodeId) => void;
}

/** A connection that was let in. */
interface Accepted {
  readonly socket: net.Socket;
  readonly node: Introduction;
  /** Runs while its peer is let go. */
  leaving: NodeJS.Timeout | undefined;
}

/**
 * Takes the connections of the others, one for each, and reads their frames. What it holds is bounded by
 * the number of peers, guests and handshakes: a newer connection of a node replaces the older, which may
 * be one that it lost long ago, and a newer handshake the oldest, which may be a stranger's.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  readonly #server: net.Server;
  /** Connections in their handshake, or just refused, the oldest first. */
  readonly #greeting = new Set<net.Socket>();
  readonly #accepted = new Map<NodeId, Accepted>();
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

  /** From this moment on takes no connection and delivers nothing, though connections stay. */
  silence(): void {
    this.#isClosed = true;
    for (const socket of this.#greeting) socket.destroy();
  }

  /** Ends all connections and stops listening. */
  async close(): Promise<void> {
    this.silence();
    for (const { node } of this.#accepted.values()) this.#drop(node.id);
    // A server that is closed while it begins to listen never says that it does either.
    await this.#listening?.catch(() => {});
    clearInterval(this.#welcomes);
    await new Promise<void>((done) => {
      this.#server.close(() => done());
    });
  }

  /**
   * Ends the connections of those who would not be let in now: at once if they are not who they were
   * taken for, and a while later if they are merely unknown or removed.
   */
  review(): void {
    const { book, limits } = this.#options;
    for (const accepted of this.#accepted.values()) {
      const { id } = accepted.node;
      if (!book.knows(id)) {
        accepted.leaving ??= setTimeout(() => {
          if (this.#accepted.get(id) === accepted) this.#drop(id);
        }, limits.lingerMs);
        continue;
      }
      clearTimeout(accepted.leaving);
      accepted.leaving = undefined;
      if (book.refusal(accepted.node) !== undefined) this.#drop(id);
    }
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
      const node = this.#onHello(socket, address, () => reader.push(bytesOf(bytes)));
      if (node === "more") return;
      socket.off("data", onData);
      // A refused connection keeps its deadline and its place: it may not linger once it was told why.
      if (node === "refused") socket.resume();
      else {
        clearTimeout(deadline);
        this.#greeting.delete(socket);
        this.#accept(socket, address, node);
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

  /** Decides on a handshake: who comes in, that it is refused, or that more bytes are needed. */
  #onHello(
    socket: net.Socket,
    address: string,
    read: () => Frame[],
  ): Introduction | "refused" | "more" {
    const { own, book } = this.#options;
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
      peer = hello.from;
      const error = checkHello(hello, own, book);
      if (error !== undefined) throw error;
      return introductionOf(hello);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#options.onRefused({ direction: "incoming", peer, address, error });
      socket.end(refusalFrame(error));
      return "refused";
    }
  }

  #accept(socket: net.Socket, address: string, node: Introduction): void {
    const { receiver, limits, book, onAccepted, onGuestGone, onRefused } = this.#options;
    const { id } = node;
    const accepted: Accepted = { socket, node, leaving: undefined };
    const isCurrent = (): boolean => this.#accepted.get(id) === accepted;
    const older = this.#accepted.get(id);
    this.#accepted.set(id, accepted);
    older?.socket.destroy();
    const reader = new FrameReader({ frameBytesMax: limits.frameBytesMax });
    socket.on("data", (bytes: Buffer) => {
      try {
        for (const frame of reader.push(bytesOf(bytes))) {
          if (!isCurrent() || this.#isClosed) return;
          checkFrame(frame);
          receiver.onFrame(id, frame);
        }
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        onRefused({ direction: "incoming", peer: id, address, error });
        socket.destroy();
      }
    });
    socket.on("close", () => {
      clearTimeout(accepted.leaving);
      if (isCurrent()) this.#drop(id);
    });
    const admission = book.admit(node);
    if (admission.evicted !== undefined) {
      this.#drop(admission.evicted);
      onGuestGone(admission.evicted);
    }
    socket.write(this.#welcome);
    onAccepted(node, admission);
  }

  /** Ends the connection of `id`. A guest is gone with it. */
  #drop(id: NodeId): void {
    const accepted = this.#accepted.get(id);
    if (accepted === undefined) return;
    this.#accepted.delete(id);
    accepted.socket.destroy();
    if (this.#options.book.forget(id)) this.#options.onGuestGone(id);
  }

  /** Says to every peer that this node is there. One that does not read is told once, not again and again. */
  #repeatWelcomes(): void {
    for (const { socket } of this.#accepted.values()) {
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
