import { expect, test } from "vitest";
import {
  emptyStorage,
  joiningSnapshot,
  type MemberChange,
  type Message,
  newConfChange,
  type NodeId,
  RaftError,
  type ReadId,
  SeededRandom,
  type Term,
  type Ticks,
} from "../src/index.ts";
import { ClusterChecks } from "./cluster-checks.ts";
import { Host, type World } from "./host.ts";

/** How long a leader may count on what was confirmed: as long as the promises are kept. */
const leaseTicks: Ticks = 6;

/** A read of a leader, which the others confirmed: from when on they have promised. */
interface Evidence {
  readonly term: Term;
  readonly since: Ticks;
}

/**
 * Nodes whose clocks go at one pace, which is what leases rest on; everything else goes wrong. At no time
 * may a node be elected while another one still counts on a lease (thesis §6.4.1).
 */
class LeaseWorld {
  readonly #random: SeededRandom;
  readonly #hosts = new Map<NodeId, Host>();
  readonly #checks = new ClusterChecks();
  readonly #reads = new Map<string, Evidence>();
  readonly #evidence = new Map<NodeId, Evidence>();
  /** On the way, with the time of arrival. */
  #messages: { readonly message: Message; readonly at: Ticks }[] = [];
  /** Who is cut off, and until when. */
  #away: { readonly id: NodeId; readonly until: Ticks } = { id: 0, until: 0 };
  #now: Ticks = 0;
  /** What happened, so that a test sees that it tests something. */
  readonly seen = new Map<string, number>();

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const world: World = {
      send: (messages) => messages.forEach((message) => this.#send(message)),
      applied: (node, entries) => this.#checks.applied(node, entries),
      snapshot: (node, snapshot) => this.#checks.snapshot(node, snapshot),
      look: () => undefined,
    };
    const founders = [1, 2, 3];
    const preVote = this.#random.below(2) === 0;
    const options = { leaseReads: true, electionTimeoutTicks: leaseTicks, preVote, seed };
    const storage = { ...emptyStorage, snapshot: joiningSnapshot };
    for (const id of founders) this.#hosts.set(id, new Host(id, founders, options, world));
    for (const id of [4, 5]) this.#hosts.set(id, new Host(id, [], { ...options, storage }, world));
    for (const { node } of this.#hosts.values()) this.#checks.began(node.status());
  }

  /** One tick of everyone, then whatever happens within it. */
  tick(): void {
    this.#now += 1;
    for (const host of this.#hosts.values()) {
      if (host.isUp) host.node.tick();
      else if (this.#random.below(6) === 0) host.restart();
    }
    for (const host of this.#hosts.values()) this.#attempt(() => this.#read(host));
    this.#attempt(() => this.#mischief());
    for (let pass = 0; pass < 4; pass++) {
      for (const host of this.#hosts.values()) this.#perform(host);
      const due = this.#messages.filter(({ at }) => at <= this.#now);
      this.#messages = this.#messages.filter(({ at }) => at > this.#now);
      for (const { message } of due) this.#attempt(() => this.#deliver(message));
    }
  }

  #send(message: Message): void {
    const { id, until } = this.#away;
    const isCut = this.#now < until && (message.from === id || message.to === id);
    if (isCut || this.#random.below(20) === 0) return;
    const isLate = this.#random.below(25) === 0;
    const delay = isLate ? this.#random.below(4 * leaseTicks) : this.#random.below(2);
    this.#messages.push({ message, at: this.#now + delay });
  }

  #deliver(message: Message): void {
    const host = this.#hosts.get(message.to);
    if (host === undefined || !host.isUp) return;
    if (message.kind === "install-snapshot") host.receive(message.snapshot);
    host.node.step(message);
    this.#check(host);
    this.#perform(host);
  }

  #perform(host: Host): void {
    while (host.isUp && host.node.hasReady) {
      const ready = host.look();
      const { term } = host.node;
      host.perform(ready);
      this.#check(host);
      for (const { readId, index } of ready.reads) {
        const evidence = this.#reads.get(nameOf(host.id, readId));
        if (index > 0 && evidence?.term === term) this.#evidence.set(host.id, evidence);
      }
    }
  }

  #read(host: Host): void {
    if (!host.isUp || host.node.role !== "leader") return;
    const { node } = host;
    this.#reads.set(nameOf(node.id, node.readIndex()), { term: node.term, since: this.#now });
  }

  #mischief(): void {
    const id = 1 + this.#random.below(this.#hosts.size);
    const host = this.#hosts.get(id);
    if (host === undefined || !host.isUp) return;
    switch (this.#random.below(16)) {
      case 0:
        return host.node.campaign();
      case 1:
        return void host.node.forgetLeader();
      case 2:
        return this.#random.below(4) === 0 ? host.node.stepDown() : undefined;
      case 3:
        return void host.node.transferLeadership();
      case 4:
      case 5:
        return this.#change(host);
      case 6:
        return host.crash();
      case 7:
        // At once: it has forgotten whom it promised something.
        return host.restart();
      case 8:
      case 9:
        this.#away = { id, until: this.#now + this.#random.below(4 * leaseTicks) };
        return;
      case 10:
        host.node.propose(new Uint8Array(1));
        return;
      case 11:
        return this.#coup(host);
      default:
    }
  }

  /** The leader is cut off, the others are made to forget it, and somebody wants to lead. */
  #coup({ id, node }: Host): void {
    if (node.role !== "leader") return;
    this.#away = { id, until: this.#now + 2 * leaseTicks };
    for (const other of this.#hosts.values()) {
      if (!other.isUp || other.id === id) continue;
      switch (this.#random.below(4)) {
        case 0:
          other.restart();
          break;
        case 1:
          this.#attempt(() => other.node.forgetLeader());
          break;
        case 2: {
          const term = other.node.term + 1;
          const stray = { kind: "heartbeat-response", from: 9, term, readRound: 0 } as const;
          other.node.step({ ...stray, to: other.id });
          break;
        }
        default:
      }
      other.node.campaign();
    }
  }

  #change({ node }: Host): void {
    const kinds: readonly MemberChange["kind"][] = ["add-voter", "add-voter", "remove"];
    const count = 1 + this.#random.below(3);
    const changes = Array.from({ length: count }, (_, offset) => {
      const id = 1 + ((offset + this.#random.below(2) + this.#now) % this.#hosts.size);
      return { kind: kinds[this.#random.below(3)] ?? "remove", id };
    });
    node.proposeChange(newConfChange(changes));
    this.#note("change");
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }

  /** Whether `host` may lead, with all the leases that there are. */
  #check(host: Host): void {
    host.check();
    const { node } = host;
    if (node.role !== "leader") return;
    for (const other of this.#hosts.values()) {
      if (!other.isUp || other.node.role !== "leader" || other.node.term >= node.term) continue;
      this.#note("deposed");
      const evidence = this.#evidence.get(other.id);
      if (evidence?.term !== other.node.term || other.node.status().transferBegun) continue;
      this.#note("expired");
      if (this.#now - evidence.since >= leaseTicks) continue;
      const lease = `node ${other.id} counts on a lease of term ${evidence.term} since ${evidence.since}`;
      throw new Error(`node ${node.id} leads term ${node.term} at ${this.#now}, while ${lease}`);
    }
  }

  #note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }
}

function nameOf(node: NodeId, readId: ReadId): string {
  return `${node} ${readId}`;
}

test("nobody is elected while a leader counts on a lease", () => {
  const seen = new Map<string, number>();
  const seedCount = Number(process.env["SEEDS"] ?? 60);
  for (let seed = 1; seed <= seedCount; seed++) {
    const world = new LeaseWorld(seed);
    try {
      for (let tick = 0; tick < 300; tick++) world.tick();
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
    }
    for (const [what, count] of world.seen) seen.set(what, (seen.get(what) ?? 0) + count);
  }
  // The runs reach what they are to exercise.
  expect([...seen.keys()].sort()).toEqual(["change", "deposed", "expired"]);
});
