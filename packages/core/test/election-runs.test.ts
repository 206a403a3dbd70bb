import { expect, test } from "vitest";
import {
  emptyStorage,
  joiningSnapshot,
  type MemberChange,
  type Message,
  newConfChange,
  type NodeId,
  RaftError,
  SeededRandom,
} from "../src/index.ts";
import { ClusterChecks } from "./cluster-checks.ts";
import { Host, type World } from "./host.ts";

const founders = [1, 2, 3];
const joiners = [4, 5];

/**
 * Changes and elections in large steps: a leader is heard by some, a candidate by some others, and what
 * they say to the rest is lost. So a few steps lead to configurations that nodes know differently, which
 * is where majorities could miss one another.
 */
class ElectionWorld {
  readonly #random: SeededRandom;
  readonly #hosts = new Map<NodeId, Host>();
  readonly #checks = new ClusterChecks();
  #sent: Message[] = [];
  /** Whose state machines stand still. */
  #slow: ReadonlySet<NodeId> = new Set();
  /** What happened, so that a test sees that it tests something. */
  readonly seen = new Set<string>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const world: World = {
      send: (messages) => this.#sent.push(...messages),
      applied: (node, entries) => this.#checks.applied(node, entries),
      snapshot: (node, snapshot) => this.#checks.snapshot(node, snapshot),
      look: (host) => this.#look(host),
    };
    const options = { preVote: false, checkQuorum: false, seed };
    const storage = { ...emptyStorage, snapshot: joiningSnapshot };
    for (const id of founders) this.#hosts.set(id, new Host(id, founders, options, world));
    for (const id of joiners) this.#hosts.set(id, new Host(id, [], { ...options, storage }, world));
    for (const { node } of this.#hosts.values()) this.#checks.began(node.status());
  }

  step(): void {
    const host = this.#pick(this.#hosts.values());
    switch (this.#random.below(12)) {
      case 0:
        this.#slow = this.#some(2);
        return;
      case 1:
        host.losePower();
        return host.restart();
      case 2:
      case 3:
      case 4:
        return this.#elect(host);
      default:
    }
    const leaders = [...this.#hosts.values()].filter((other) => other.node.role === "leader");
    const leader = leaders.length === 0 ? host : this.#pick(leaders);
    attempt(() => this.#ask(leader));
    this.#converse(leader, this.#some(4), 1 + this.#random.below(5));
  }

  #ask(leader: Host): void {
    switch (this.#random.below(12)) {
      case 0:
        leader.node.transferLeadership();
        return;
      case 1:
      case 2:
        leader.node.propose(new Uint8Array(1));
        return;
      default:
        this.#change(leader);
    }
  }

  #elect(candidate: Host): void {
    candidate.node.campaign();
    this.#converse(candidate, this.#some(3), 1);
    if (candidate.node.role === "leader") this.seen.add(`led by ${candidate.id}`);
  }

  #change({ node }: Host): void {
    const kinds: readonly MemberChange["kind"][] = ["add-voter", "add-voter", "remove"];
    const changes = Array.from({ length: 1 + this.#random.below(2) }, () => {
      return { kind: this.#pick(kinds), id: 1 + this.#random.below(this.#hosts.size) };
    });
    node.proposeChange(newConfChange(changes));
    this.seen.add(`change of ${changes.length}`);
  }

  /** What `host` and `others` say to one another for some rounds; all else is lost. */
  #converse(host: Host, others: ReadonlySet<NodeId>, rounds: number): void {
    for (let round = 0; round < rounds; round++) {
      if (host.node.role === "leader") host.node.tick();
      this.#perform(host);
      this.#deliver((message) => message.from === host.id && others.has(message.to));
      this.#deliver((message) => others.has(message.from) && message.to === host.id);
    }
    this.#sent = [];
  }

  #deliver(isHeard: (message: Message) => boolean): void {
    const heard = this.#sent.filter(isHeard);
    this.#sent = this.#sent.filter((message) => !isHeard(message));
    for (const message of heard) {
      const host = this.#hosts.get(message.to);
      if (host === undefined) continue;
      if (message.kind === "install-snapshot") host.receive(message.snapshot);
      host.node.step(message);
      this.#look(host);
      this.#perform(host);
    }
  }

  #perform(host: Host): void {
    for (let turn = 0; turn < 10 && host.node.hasReady; turn++) {
      host.write();
      if (!this.#slow.has(host.id)) host.finish();
    }
  }

  #look(host: Host): void {
    host.check();
    const { node } = host;
    const status = node.status();
    if (status.confState.votersOutgoing.length > 0) this.seen.add("joint");
    const entries = node.entries(status.firstIndex, node.lastIndex);
    const disks = Array.from(this.#hosts, ([id, { storage }]) => [id, storage] as const);
    this.#checks.look({ status, entries }, new Map(disks));
  }

  /** Some of the nodes, each with a chance of `fifths`. */
  #some(fifths: number): ReadonlySet<NodeId> {
    return new Set([...this.#hosts.keys()].filter(() => this.#random.below(5) < fifths));
  }

  #pick<T>(values: Iterable<T>): T {
    const all = [...values];
    const picked = all[this.#random.below(all.length)];
    if (picked === undefined) throw new Error("there is something to pick");
    return picked;
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof RaftError)) throw error;
  }
}

test("whoever hears whom while the configuration changes, no two lead a term, and nothing is lost", () => {
  const seen = new Set<string>();
  const seedCount = Number(process.env["SEEDS"] ?? 150);
  for (let seed = 1; seed <= seedCount; seed++) {
    const world = new ElectionWorld(seed);
    try {
      for (let step = 0; step < 60; step++) world.step();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    for (const each of world.seen) seen.add(each);
  }
  // The runs reach what they are to exercise.
  const led = [1, 2, 3, 4, 5].map((id) => `led by ${id}`);
  expect([...seen].sort()).toEqual(["change of 1", "change of 2", "joint", ...led]);
});
