import { assert, type LogIndex, type Message, type NodeId, type RaftOptions } from "@quorate/core";
import { calmPlan, type Plan, unitsPerTick } from "./plan.ts";
import type { Verdict } from "./sim-network.ts";
import type { Answer } from "./answer.ts";
import type { SimNode } from "./sim-node.ts";
import { World } from "./world.ts";

/** What a story starts from; everything else is calm. */
export interface ClusterOptions {
  /** From 1 to 9. Default 3. */
  readonly voters?: number;
  /** Default 1. Stories should hold for any. */
  readonly seed?: number;
  /** Options of all nodes. */
  readonly raft?: RaftOptions;
  /** What differs from the calm plan. */
  readonly plan?: Partial<Pick<Plan, "doors" | "machines" | "host" | "network">>;
}

/** Names nodes: by id, or by what they are now. */
export type Selector = NodeId | "leader" | "follower";

/** A new cluster with a calm world around it, for stories told by hand. Every judge watches. */
export function cluster(options: ClusterOptions = {}): Cluster {
  return new Cluster(options);
}

/** A cluster that does what a story says, and nothing else but let time pass. */
export class Cluster {
  readonly world: World;
  #commandCount = 0;

  constructor({ voters = 3, seed = 1, raft = {}, plan = {} }: ClusterOptions) {
    this.world = new World({ ...calmPlan(seed, voters, raft), ...plan });
  }

  /** The node that a selector names: the leader of the highest term, or the first of its followers. */
  node(selector: Selector): SimNode {
    if (typeof selector === "number") return this.world.node(selector);
    const leader = this.world.leaders[0];
    assert(leader !== undefined, "the story has a leader");
    if (selector === "leader") return leader;
    const follower = this.world.nodes.find(
      ({ status }) => status?.leader === leader.id && status.id !== leader.id,
    );
    assert(follower !== undefined, "the leader has a follower");
    return follower;
  }

  /** Lets time pass. */
  ticks(count: number): void {
    const end = this.world.now + count * unitsPerTick;
    while (this.world.now < end) this.world.advance();
  }

  /** Lets time pass until `condition` holds, and fails the story after `ticksMax`. */
  until(what: string, condition: () => boolean, ticksMax = 200): void {
    const end = this.world.now + ticksMax * unitsPerTick;
    while (!condition()) {
      assert(this.world.now < end, `within ${ticksMax} ticks: ${what}`);
      this.world.advance();
    }
  }

  /** Makes `id` campaign until it leads, again and again, as nobody else may want to vote for it at first. */
  seat(id: NodeId): SimNode {
    const node = this.node(id);
    for (let count = 0; node.status?.role !== "leader"; count++) {
      assert(count < 100, `node ${id} leads after at most 100 campaigns`);
      this.campaign(id);
      this.ticks(2);
    }
    return node;
  }

  /** Makes `id` lead, and commit in its term. */
  elect(id: NodeId): SimNode {
    const node = this.seat(id);
    this.until(`node ${id} commits`, () => {
      if (node.status?.role !== "leader") this.seat(id);
      return node.status?.commitIndex === node.status?.last.index;
    });
    return node;
  }

  /** Proposes a command and returns its index; fails the story if it is refused. */
  propose(selector: Selector): LogIndex {
    const node = this.node(selector);
    const answer = this.tryPropose(selector);
    assert(answer === "done", `node ${node.id} takes the command: ${answer}`);
    return node.status?.last.index ?? 0;
  }

  /** Proposes a command and says what came of it. */
  tryPropose(selector: Selector): Answer {
    this.#commandCount += 1;
    const node = this.node(selector).id;
    const answer = this.world.take({
      kind: "propose",
      node,
      command: this.#commandCount,
      bytes: 4,
    });
    return answer ?? "not_leader";
  }

  /** Asks for a linearizable read and says what came of that. */
  read(id: NodeId): Answer {
    return this.world.take({ kind: "read", node: id }) ?? "not_leader";
  }

  /** Makes a node campaign now. */
  campaign(id: NodeId): void {
    this.world.take({ kind: "campaign", node: id });
  }

  /** The power of a node fails. */
  crash(selector: Selector): SimNode {
    const node = this.node(selector);
    this.world.crash(node.id);
    return node;
  }

  restart(id: NodeId): void {
    this.world.start(id);
  }

  /** Makes a disk slower, `factor` times as slow as planned. */
  slowDisk(id: NodeId, factor: number): void {
    this.world.fate(id).diskSlowness = factor;
  }

  /** Lets only nodes of the same group hear one another. Names no node twice. */
  partition(...groups: readonly (readonly NodeId[])[]): void {
    this.world.network.heal();
    this.world.network.partition(groups);
  }

  /** Cuts one direction of one link. */
  cut(from: NodeId, to: NodeId): void {
    this.world.network.cut(from, to);
  }

  heal(): void {
    this.world.network.heal();
  }

  /** Decides what becomes of each message from now on. */
  filter(verdict: (message: Message) => Verdict): void {
    this.world.network.filter = verdict;
  }

  /** Ends the filter, and lets go of what it held. */
  release(): void {
    this.filter(() => "pass");
    for (const message of this.world.network.release()) this.world.carry(message);
  }

  /** Whether all of `ids` know the entry at `index`, and all before it, to be committed. */
  isCommitted(index: LogIndex, ids: readonly NodeId[] = this.world.ids): boolean {
    return ids.every((id) => (this.node(id).status?.commitIndex ?? 0) >= index);
  }
}
