import net from "node:net";
import { type NodeId, RaftError } from "@quorate/core";
import { type Frame, FrameReader } from "@quorate/wire";
import { type Address, formatAddress } from "./address.ts";
import { backoffMs } from "./backoff.ts";
import {
  checkWelcome,
  handshakeFrameBytesMax,
  helloFrame,
  type Identity,
  readRefusal,
  type RefusedConnection,
} from "./handshake.ts";
import { SendQueue } from "./send-queue.ts";
import type { TcpLimits } from "./tcp-options.ts";

/** How many looks at a connection that show no life end it. */
const checkCountMax = 5;

/** What becomes of a link, told as it happens. */
export interface LinkEvents {
  onConnected(): void;
  onDisconnected(reason: string): void;
  onRefused(refusal: RefusedConnection): void;
}

/** Where a link stands. Only `open` takes frames. */
type LinkState =
  /** No address yet, or between two attempts. */
  | { readonly kind: "waiting"; readonly timer: NodeJS.Timeout | undefined }
  /** Connecting, or waiting for the welcome. */
  | { readonly kind: "greeting"; readonly socket: net.Socket; readonly deadline: NodeJS.Timeout }
  | {
      readonly kind: "open";
      readonly socket: net.Socket;
      readonly queue: SendQueue;
      readonly checks: NodeJS.Timeout;
      readonly sinceMs: number;
    }
  | { readonly kind: "closed" };

/**
 * This node's connection to one peer, which carries this node's frames only, and which is made again
 * whenever it is lost. The other side repeats its welcome as long as it is there: a peer whose machine
 * vanished takes bytes into the void for minutes before TCP notices, and lets the window for
 * retransmission grow so far that it stays unreachable long after it is back.
 */
export class OutgoingLink {
  readonly #peer: NodeId;
  readonly #identity: Identity;
  readonly #limits: TcpLimits;
  readonly #events: LinkEvents;
  #address: Address | undefined;
  #state: LinkState = { kind: "waiting", timer: undefined };
  /** Attempts and short-lived connections since one lasted. */
  #failureCount = 0;

  constructor(peer: NodeId, identity: Identity, limits: TcpLimits, events: LinkEvents) {
    this.#peer = peer;
    this.#identity = identity;
    this.#limits = limits;
    this.#events = events;
  }

  /** Whether the peer has welcomed the present connection. */
  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Bytes that wait to be taken by the kernel. */
  get queuedBytes(): number {
    return this.#state.kind === "open" ? this.#state.queue.bytes : 0;
  }

  /** Connects to `address` from now on; what was connected elsewhere is given up. */
  setAddress(address: Address): void {
    if (this.#state.kind === "closed") return;
    const { host, port } = this.#address ?? {};
    if (host === address.host && port === address.port) return;
    this.#address = address;
    this.#failureCount = 0;
    this.#leave("its address has changed");
    this.#connect(address);
  }

  /** Ends a wait between two attempts: there is reason to think that the peer is there. */
  hurry(): void {
    if (this.#state.kind !== "waiting" || this.#address === undefined) return;
    clearTimeout(this.#state.timer);
    this.#connect(this.#address);
  }

  /** Queues a frame; false if it was dropped. */
  send(chunks: readonly Uint8Array[]): boolean {
    return this.#state.kind === "open" && this.#state.queue.push(chunks);
  }

  /** Ends the connection, makes no other, and tells nothing more. */
  close(): void {
    this.#release();
    this.#state = { kind: "closed" };
  }

  #connect(address: Address): void {
    const socket = openSocket(address);
    const reader = new FrameReader({ frameBytesMax: handshakeFrameBytesMax });
    const deadline = setTimeout(() => {
      socket.destroy(new Error(`no welcome within ${this.#limits.handshakeTimeoutMs} ms`));
    }, this.#limits.handshakeTimeoutMs);
    this.#state = { kind: "greeting", socket, deadline };
    socket.once("connect", () => socket.write(helloFrame(this.#identity, this.#peer)));
    let reason = "the peer closed the connection";
    socket.on("data", (bytes: Buffer) => {
      try {
        for (const frame of reader.push(bytesOf(bytes))) this.#onFrame(socket, frame);
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        reason = error.message;
        socket.destroy();
      }
    });
    socket.on("error", (error) => {
      reason = error.message;
    });
    socket.on("close", () => this.#onClose(socket, reason));
  }

  #onFrame(socket: net.Socket, frame: Frame): void {
    const state = this.#state;
    if (state.kind !== "greeting" && state.kind !== "open") return;
    if (state.socket !== socket) return;
    if (frame.type === "refusal" && state.kind === "greeting") {
      throw this.#refused(readRefusal(frame.payload));
    }
    if (frame.type !== "welcome") {
      throw new RaftError("malformed", `a ${frame.type} frame has no place here`);
    }
    // Repeated welcomes only say that the peer is there, which their arrival said already.
    if (state.kind === "open") return;
    const contradiction = checkWelcome(frame.payload);
    if (contradiction !== undefined) throw this.#refused(contradiction);
    clearTimeout(state.deadline);
    this.#onWelcome(socket);
  }

  #onWelcome(socket: net.Socket): void {
    const queue = new SendQueue(socket, this.#limits.sendQueueBytesMax);
    let silentCount = 0;
    let stalledCount = 0;
    let takenBytes = 0;
    socket.on("data", () => {
      silentCount = 0;
    });
    // Checks are counted, not time: after a pause of this process the first check finds nothing new
    // although all is well, and what has arrived meanwhile is read before the next.
    const checks = setInterval(() => {
      silentCount++;
      stalledCount = queue.bytes > 0 && queue.takenBytes === takenBytes ? stalledCount + 1 : 0;
      takenBytes = queue.takenBytes;
      const deadMs = this.#limits.deadConnectionMs;
      if (silentCount > checkCountMax) {
        socket.destroy(new Error(`the peer was silent for ${deadMs} ms`));
      } else if (stalledCount > checkCountMax) {
        socket.destroy(new Error(`the peer took nothing for ${deadMs} ms`));
      }
    }, this.#limits.deadConnectionMs / checkCountMax);
    this.#state = { kind: "open", socket, queue, checks, sinceMs: performance.now() };
    this.#events.onConnected();
  }

  #onClose(socket: net.Socket, reason: string): void {
    const state = this.#state;
    if ((state.kind !== "greeting" && state.kind !== "open") || state.socket !== socket) return;
    const lasted =
      state.kind === "open" && performance.now() - state.sinceMs >= this.#limits.reconnectMsMax;
    this.#failureCount = lasted ? 1 : this.#failureCount + 1;
    this.#leave(reason);
    const address = this.#address;
    if (this.#state.kind !== "waiting" || address === undefined) return;
    const delayMs = backoffMs(this.#failureCount, this.#limits, Math.random());
    this.#state = { kind: "waiting", timer: setTimeout(() => this.#connect(address), delayMs) };
  }

  /** Gives up what the present state holds, and waits. */
  #leave(reason: string): void {
    const wasOpen = this.#state.kind === "open";
    this.#release();
    this.#state = { kind: "waiting", timer: undefined };
    if (wasOpen) this.#events.onDisconnected(reason);
  }

  /** Frees what the present state holds. */
  #release(): void {
    const state = this.#state;
    if (state.kind === "waiting") clearTimeout(state.timer);
    if (state.kind === "greeting") clearTimeout(state.deadline);
    if (state.kind === "open") clearInterval(state.checks);
    if (state.kind === "greeting" || state.kind === "open") state.socket.destroy();
  }

  #refused(error: RaftError): RaftError {
    const address = this.#address === undefined ? "" : formatAddress(this.#address);
    this.#events.onRefused({ direction: "outgoing", peer: this.#peer, address, error });
    return error;
  }
}

/** Begins to connect. The one place that decides what a connection is made of. */
function openSocket(address: Address): net.Socket {
  return net.connect({
    host: address.host,
    port: address.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 10_000,
  });
}

/** The same bytes, not as a `Buffer`: its `slice` shares memory where that of other byte arrays copies. */
export function bytesOf(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
