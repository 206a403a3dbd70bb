import net from "node:net";
import { type NodeId, RaftError } from "@quorate/core";
import { type Frame, FrameReader } from "@quorate/wire";
import { type Address, formatAddress, sameAddress } from "./address.ts";
import { backoffMs } from "./backoff.ts";
import {
  checkWelcome,
  handshakeFrameBytesMax,
  helloFrame,
  type Identity,
  readRefusal,
  type RefusedConnection,
} from "./handshake.ts";
import { type PeerTls, socketOptions, tlsFailure } from "./peer-tls.ts";
import { type Lane, SendQueue } from "./send-queue.ts";
import type { TcpLimits } from "./tcp-options.ts";

/** How many looks at a connection that show no life end it. */
const checkCountMax = 5;

/** What all links of a node have in common. */
export interface LinkSettings {
  readonly identity: Identity;
  readonly limits: TcpLimits;
  /** How connections are secured; undefined: not at all. */
  readonly tls: PeerTls | undefined;
}

/** What becomes of a link, told as it happens. */
export interface LinkEvents {
  onConnected(): void;
  onDisconnected(reason: string): void;
  /** An attempt to connect failed; another follows. */
  onConnectFailed(reason: string): void;
  onRefused(refusal: RefusedConnection): void;
  /** The link was retired, and is over for good. */
  onOver(): void;
}

/** Where a link stands. Only `open` takes frames. */
type LinkState =
  /** No address yet, or between two attempts. */
  | { readonly kind: "waiting"; readonly timer: NodeJS.Timeout | undefined }
  /** Connecting, or waiting for the welcome. */
  | {
      readonly kind: "greeting";
      readonly address: Address;
      readonly socket: net.Socket;
      readonly deadline: NodeJS.Timeout;
    }
  | {
      readonly kind: "open";
      readonly address: Address;
      readonly socket: net.Socket;
      readonly queue: SendQueue;
      readonly checks: NodeJS.Timeout;
      readonly sinceMs: number;
    }
  | { readonly kind: "over" };

/** What becomes of a link when its connection ends. */
type Plan =
  /** Another attempt follows after a wait. */
  | { readonly kind: "reconnect" }
  /** Another attempt follows at once. */
  | { readonly kind: "move" }
  /** None follows. `timer` ends the connection, or its frames first. */
  | {
      readonly kind: "retire";
      readonly timer: NodeJS.Timeout | undefined;
      readonly isEnding: boolean;
    };

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
  readonly #tls: PeerTls | undefined;
  /** Where the peer may be, the best guess first. */
  #addresses: readonly Address[] = [];
  /** Attempts that met no welcome since there is a best guess: each sends the next to the next address. */
  #missCount = 0;
  #state: LinkState = { kind: "waiting", timer: undefined };
  #plan: Plan = { kind: "reconnect" };
  /** Attempts and short-lived connections since one lasted. */
  #failureCount = 0;

  constructor(peer: NodeId, { identity, limits, tls }: LinkSettings, events: LinkEvents) {
    this.#peer = peer;
    this.#identity = identity;
    this.#limits = limits;
    this.#tls = tls;
    this.#events = events;
  }

  /** Bytes that wait to be taken by the kernel. */
  get queuedBytes(): number {
    return this.#state.kind === "open" ? this.#state.queue.bytes : 0;
  }

  /**
   * Connects to one of `addresses` from now on: the best guess first, the next whenever one fails, and
   * again the one that was connected last. A new best guess is tried at once, and what is connected
   * elsewhere given up for it. A link that is being retired is not any more.
   */
  setAddresses(addresses: readonly Address[]): void {
    const [before, best] = [this.#addresses[0], addresses[0]];
    this.#addresses = addresses;
    this.#stay();
    if (best === undefined || sameAddress(before, best)) return;
    this.#missCount = 0;
    this.#failureCount = 0;
    if (this.#state.kind === "waiting") this.hurry();
    else if (this.#state.kind !== "over" && !sameAddress(this.#state.address, best)) {
      this.#move("its address has changed");
    }
  }

  /** Ends a wait between two attempts: there is reason to think that the peer is there. */
  hurry(): void {
    if (this.#state.kind !== "waiting") return;
    clearTimeout(this.#state.timer);
    this.#connect();
  }

  /** Queues a frame; false if it was dropped. */
  send(chunks: readonly Uint8Array[], lane: Lane): boolean {
    return this.#state.kind === "open" && this.#state.queue.push(chunks, lane);
  }

  /**
   * Makes no connection any more. One that is open goes on for `lingerMs`, and then until what waits has
   * left, or until nobody can expect that it ever will.
   */
  retire(lingerMs: number): void {
    const state = this.#state;
    if (state.kind === "over" || this.#plan.kind === "retire") return;
    if (state.kind !== "open") {
      this.close();
      this.#events.onOver();
      return;
    }
    const end = (): void => {
      state.queue.end();
      const { deadConnectionMs } = this.#limits;
      const timer = setTimeout(() => state.socket.destroy(), deadConnectionMs);
      this.#plan = { kind: "retire", timer, isEnding: true };
    };
    this.#plan = { kind: "retire", timer: setTimeout(end, lingerMs), isEnding: false };
  }

  /** Makes no connection any more, and gives up the one that there is. */
  abandon(reason: string): void {
    this.retire(0);
    if (this.#state.kind === "open") this.#state.socket.destroy(new Error(reason));
  }

  /**
   * Makes no connection any more, and ends the one that there is once everything has left and the peer
   * has read it, or once nothing has left for `lingerMs`, or `lingerMs` and `deadConnectionMs` from now.
   * Resolves then. Nothing more can be sent.
   */
  async finish(lingerMs: number): Promise<void> {
    const state = this.#state;
    if (state.kind === "open") {
      this.retire(lingerMs);
      const { socket, queue } = state;
      queue.end();
      let stalledCount = 0;
      let { takenBytes } = queue;
      // Counted as well: on a busy machine time goes by in which nothing could leave.
      const checks = setInterval(() => {
        stalledCount = queue.takenBytes === takenBytes ? stalledCount + 1 : 0;
        takenBytes = queue.takenBytes;
        if (stalledCount >= checkCountMax) socket.destroy();
      }, lingerMs / checkCountMax);
      await new Promise((resolve) => socket.once("close", resolve));
      clearInterval(checks);
    }
    this.close();
  }

  /** Ends the connection, makes no other, and tells nothing more. */
  close(): void {
    this.#release();
    if (this.#plan.kind === "retire") clearTimeout(this.#plan.timer);
    this.#state = { kind: "over" };
  }

  /** Takes a retirement back. */
  #stay(): void {
    const plan = this.#plan;
    if (plan.kind !== "retire") return;
    clearTimeout(plan.timer);
    this.#plan = { kind: "reconnect" };
    if (plan.isEnding) this.#move("it is connected anew");
  }

  /** Gives up what is connected, and connects at once, at the address that is next. */
  #move(reason: string): void {
    if (this.#state.kind !== "greeting" && this.#state.kind !== "open") return;
    this.#plan = { kind: "move" };
    this.#state.socket.destroy(new Error(reason));
  }

  #connect(): void {
    const address = this.#addresses[this.#missCount % Math.max(1, this.#addresses.length)];
    if (address === undefined) {
      this.#state = { kind: "waiting", timer: undefined };
      return;
    }
    const tls = this.#tls;
    const socket = tls?.connect(address) ?? net.connect({ ...address, ...socketOptions });
    const reader = new FrameReader({ frameBytesMax: handshakeFrameBytesMax });
    const deadline = setTimeout(() => {
      socket.destroy(new Error(`no welcome within ${this.#limits.handshakeTimeoutMs} ms`));
    }, this.#limits.handshakeTimeoutMs);
    this.#state = { kind: "greeting", address, socket, deadline };
    let reason: string | undefined;
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      const flaw = tls?.flawOf(socket, this.#peer);
      if (flaw === undefined) socket.write(helloFrame(this.#identity, this.#peer));
      else socket.destroy(this.#refused(flaw));
    });
    socket.on("data", (bytes: Buffer) => {
      try {
        for (const frame of reader.push(bytesOf(bytes))) this.#onFrame(socket, frame);
      } catch (error) {
        if (!(error instanceof RaftError)) throw error;
        reason = error.message;
        socket.destroy();
      }
    });
    socket.on("error", (error: Error) => {
      const failure = tls === undefined ? undefined : tlsFailure(error);
      reason = failure?.message ?? error.message;
      if (failure !== undefined && this.#state.kind === "greeting") this.#refused(failure);
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
    this.#onWelcome(state);
  }

  #onWelcome({ address, socket }: LinkState & { readonly kind: "greeting" }): void {
    const { sendQueueBytesMax, snapshotQueueBytesMax } = this.#limits;
    const limits = { urgent: sendQueueBytesMax, bulk: snapshotQueueBytesMax };
    const queue = new SendQueue(socket, limits);
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
    this.#state = { kind: "open", address, socket, queue, checks, sinceMs: performance.now() };
    this.#events.onConnected();
  }

  /** Decides what follows a connection that ended, for a `reason` unless it was ended in good order. */
  #onClose(socket: net.Socket, reason: string | undefined): void {
    const state = this.#state;
    if ((state.kind !== "greeting" && state.kind !== "open") || state.socket !== socket) return;
    const plan = this.#plan;
    const lasted =
      state.kind === "open" && performance.now() - state.sinceMs >= this.#limits.reconnectMsMax;
    this.#failureCount = lasted ? 1 : this.#failureCount + 1;
    if (state.kind === "greeting" && plan.kind !== "move") this.#missCount++;
    this.#release();
    if (plan.kind === "retire") {
      clearTimeout(plan.timer);
      this.#state = { kind: "over" };
      this.#events.onOver();
      if (state.kind === "open") this.#events.onDisconnected(reason ?? "it is no peer any more");
      return;
    }
    this.#state = { kind: "waiting", timer: undefined };
    this.#plan = { kind: "reconnect" };
    if (plan.kind === "move") this.#failureCount = 0;
    const why = reason ?? "the peer closed the connection";
    if (state.kind === "open") this.#events.onDisconnected(why);
    else if (plan.kind !== "move") this.#events.onConnectFailed(why);
    // Whoever was told may have closed this link, or have sent it elsewhere.
    if (this.#state.kind !== "waiting" || this.#state.timer !== undefined) return;
    if (plan.kind === "move") this.hurry();
    else this.#connectLater();
  }

  #connectLater(): void {
    const delayMs = backoffMs(this.#failureCount, this.#limits, Math.random());
    this.#state = { kind: "waiting", timer: setTimeout(() => this.#connect(), delayMs) };
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
    const address = this.#state.kind === "greeting" ? formatAddress(this.#state.address) : "";
    this.#events.onRefused({ direction: "outgoing", peer: this.#peer, address, error });
    return error;
  }
}

/** The same bytes, not as a `Buffer`: its `slice` shares memory where that of other byte arrays copies. */
export function bytesOf(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
