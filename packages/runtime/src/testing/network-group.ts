import type { NodeId } from "@quorate/core";
import { encodeFrame, type Frame, incarnationBytes } from "@quorate/wire";
import type { Introduction, Network, Peer, Receiver } from "../ports.ts";
import type { Until } from "./conformance.ts";

/** One group of networks under test. */
export interface NetworkHarness {
  /**
   * The network of node 1, 2 or 3, not opened yet. Its peers are the two others, wherever they are. One
   * at a time for each node: another is asked for when it is closed.
   */
  network(id: NodeId): Network;
  /** What a table of peers has for the address of node `id`, which is also what that node says. */
  address(id: NodeId): string;
  readonly until: Until;
  /** Frees what the harness itself holds; the networks are closed by then. */
  close(): Promise<void>;
}

/** What one node was told. */
export class Witness implements Receiver {
  readonly frames: { readonly from: NodeId; readonly frame: Frame }[] = [];
  readonly connected: Set<NodeId> = new Set();
  readonly removedBy: Set<NodeId> = new Set();
  readonly seen: Introduction[] = [];
  disconnectCount = 0;

  onFrame(from: NodeId, frame: Frame): void {
    this.frames.push({ from, frame });
  }

  onConnected(peer: NodeId): void {
    this.connected.add(peer);
  }

  onDisconnected(peer: NodeId): void {
    this.connected.delete(peer);
    this.disconnectCount++;
  }

  onRemoved(by: NodeId): void {
    this.removedBy.add(by);
  }

  onPeerSeen(node: Introduction): void {
    this.seen.push(node);
  }
}

/** One node of a group under test. */
export interface Member {
  readonly network: Network;
  readonly witness: Witness;
}

/** How a node begins, where that is not as usual. */
export interface Beginning {
  /** Whom it is told to be its peers, before it is opened. */
  readonly peers?: readonly Peer[];
  /** Whom it is told to be removed, before it is opened. */
  readonly removed?: readonly NodeId[];
  /** Which log it has. By default its first. */
  readonly log?: number;
}

/** Up to three opened networks, which are closed at the end. */
export class Group {
  readonly until: Until;
  readonly #harness: NetworkHarness;
  readonly #members: Member[] = [];

  constructor(harness: NetworkHarness) {
    this.#harness = harness;
    this.until = harness.until;
  }

  async open(id: NodeId, { peers, removed, log = 1 }: Beginning = {}): Promise<Member> {
    const member = { network: this.#harness.network(id), witness: new Witness() };
    this.#members.push(member);
    if (peers !== undefined) member.network.setPeers(peers);
    if (removed !== undefined) member.network.setRemoved(removed);
    await member.network.open(member.witness, incarnationOf(id, log));
    return member;
  }

  /** Nodes 1 and 2, connected both ways. */
  async pair(): Promise<readonly [Member, Member]> {
    const one = await this.open(1);
    const two = await this.open(2);
    await this.connected(one, two);
    return [one, two];
  }

  /** Waits until nodes 1 and 2 are connected both ways. */
  connected(one: Member, two: Member): Promise<void> {
    return this.until(() => one.witness.connected.has(2) && two.witness.connected.has(1));
  }

  /** Node `id` as a table has it; without `log`, its incarnation is not known. */
  peer(id: NodeId, log?: number): Peer {
    const incarnation = log === undefined ? undefined : incarnationOf(id, log);
    return { id, address: this.address(id), incarnation };
  }

  address(id: NodeId): string {
    return this.#harness.address(id);
  }

  async close(): Promise<void> {
    for (const { network } of this.#members) await network.close();
    await this.#harness.close();
  }
}

/** Registers one case, which gets a group of its own. */
export type WithGroup = (name: string, run: (group: Group) => Promise<void>) => void;

/** The name of a log of node `id`. */
export function incarnationOf(id: NodeId, log: number): Uint8Array {
  return new Uint8Array(incarnationBytes).fill(16 * log + id);
}

/** A frame that carries `payload`. */
export function frameOf(payload: Uint8Array): Uint8Array[] {
  // In two chunks, since a frame may be handed over in any number.
  const middle = payload.length >>> 1;
  return encodeFrame("raft", [payload.slice(0, middle), payload.slice(middle)]);
}

/** Some bytes, others for another `seed`. */
export function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, offset) => (offset * 31 + seed * 17) & 0xff);
}

/** Whether two byte arrays hold the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, offset) => byte === b[offset]);
}
