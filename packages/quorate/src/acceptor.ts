import net from "node:net";
import { type NodeId, none, RaftError } from "@quorate/core";
import type { Admission, Introduction, PeerBook, Receiver } from "@quorate/runtime";
import { decodeHello, type Frame, FrameReader, isOfHandshake } from "@quorate/wire";
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
import { Lobby, type LobbyGuest } from "./lobby.ts";
import { bytesOf } from "./outgoing-link.ts";
import { type PeerTls, socketOptions } from "./peer-tls.ts";
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
  /** How connections are secured; undefined: not at all. */
  readonly tls: PeerTls | undefined;
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
  /** Connections in their handshake, or just refused. */
  readonly #lobby: Lobby;
  readonly #accepted = new Map<NodeId, Accepted>();
  #welcomes: NodeJS.Timeout | undefined;
  #listening: Promise<number> | undefined;
  #isClosed = false;
  /** What every welcome looks like. */
  readonly #welcome: Uint8Array = welcomeFrame();

  constructor(options: AcceptorOptions) {
    this.#options = options;
    const { limits, tls, onRefused } = options;
    const onGuest = (guest: LobbyGuest): void => this.#onGuest(guest);
    this.#lobby = new Lobby({ limits, tls, onGuest, onRefused });
    this.#server = net.createServer(socketOptions, (socket) => {
      if (this.#isClosed) socket.destroy();
      else this.#lobby.enter(socket);
    });
  }

  /** Listens; resolves to the port. Throws `invalid_options` if the address cannot be listened on. */
  listen(address: Address): Promise<number> {
    this.#listening = this.#listen(address);
    return this.#listening;
  }

  /** From this moment on takes no connection and delivers nothing, though connections stay. */
  silence(): void {
    this.#isClosed = true;
    this.#lobby.clear();
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

  /** Reads what a connection says that it is. */
  #onGuest(guest: LobbyGuest): void {
    const { socket, address } = guest;
    const reader = new FrameReader({ frameBytesMax: handshakeFrameBytesMax });
    const onData = (bytes: Buffer): void => {
      const node = this.#onHello(socket, address, () => reader.push(bytesOf(bytes)));
      if (node === "more") return;
      socket.off("data", onData);
      // A refused connection keeps its deadline and its place: it may not linger once it was told why.
      if (node === "refused") socket.resume();
      else {
        guest.leave();
        this.#accept(socket, address, node);
      }
    };
    socket.on("data", onData);
  }

  /** Decides on a handshake: who comes in, that it is refused, or that more bytes are needed. */
  #onHello(
    socket: net.Socket,
    address: string,
    read: () => Frame[],
  ): Introduction | "refused" | "more" {
    const { own, book, tls } = this.#options;
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
      const error = tls?.flawOf(socket, peer) ?? checkHello(hello, own, book);
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
  if (isOfHandshake(frame.type)) {
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
