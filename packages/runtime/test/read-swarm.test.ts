import { type NodeId, none, RaftError, SeededRandom } from "@quorate/core";
import type { Answered, ReadOptions } from "@quorate/runtime";
import { expect, test } from "vitest";
import type { Watched } from "./cluster.ts";
import { TimedGroup, type TimedNode, withLearners } from "./timed-group.ts";

/** One read, and what an answer to it must hold. */
interface Question {
  readonly read: Watched<Answered<readonly string[]>>;
  readonly options: ReadOptions;
  /** How many commands were acknowledged before it began; or before its bound, if it may be old. */
  readonly lengthMin: number;
}

/** What came about in all runs, so that a swarm in which nothing happens does not pass for a good one. */
const seen = { answered: 0, refused: 0, byLease: 0, oldLeaders: 0, endings: new Set<string>() };

/**
 * A group in which anything happens that clocks, networks and processes may do, as far as clocks are
 * trusted; and readers who know what was acknowledged.
 */
class Swarm {
  readonly #random: SeededRandom;
  readonly #group: TimedGroup;
  readonly #questions: Question[] = [];
  /** How many commands had been acknowledged, and since when. */
  readonly #acknowledged: { at: number; length: number }[] = [{ at: 0, length: 0 }];
  readonly #cut = new Set<NodeId>();
  readonly #repairs: { at: number; repair: () => void }[] = [];
  #heldKind = "";
  #writeCount = 0;

  constructor(group: TimedGroup, random: SeededRandom) {
    this.#group = group;
    this.#random = random;
    group.loses = ({ from, to }) => this.#cut.has(from) !== this.#cut.has(to);
    group.holds = ({ kind }) => kind === this.#heldKind;
    for (const node of group.nodes) {
      node.rate = 0.9 + random.below(201) / 1000;
      group.priorities.set(node.id, random.below(3));
    }
  }

  async run(ms: number): Promise<void> {
    const end = this.#group.now + ms;
    while (this.#group.now < end) {
      this.#act();
      await this.#group.run(5);
      this.#look();
    }
  }

  /** Ends all faults; then every read must have ended, and the next is answered everywhere. */
  async heal(): Promise<void> {
    for (const { repair } of this.#repairs.splice(0)) repair();
    await this.#group.until(() => this.#questions.every(({ read }) => read.isSettled));
    for (const node of this.#group.nodes) this.#ask(node, {});
    await this.#group.until(() => this.#questions.every(({ read }) => read.isSettled));
    const last = this.#questions.slice(-this.#group.nodes.length);
    expect(last.map(({ read }) => read.code)).toEqual(last.map(() => "resolved"));
    this.#judge();
    for (const end of this.#group.nodes.flatMap(({ ends }) => ends)) seen.endings.add(String(end));
    this.#group.stop();
  }

  #act(): void {
    const { nodes } = this.#group;
    const node = nodes[this.#random.below(nodes.length)];
    if (node === undefined) return;
    const now = this.#group.now;
    for (const due of this.#repairs.filter(({ at }) => at <= now)) {
      this.#repairs.splice(this.#repairs.indexOf(due), 1);
      due.repair();
    }
    if (node.state === "running") {
      if (this.#chance(3)) this.#ask(node, this.#drawOptions());
      if (node.raft.role === "leader" && this.#chance(4)) this.#write(node);
      // Where a lease is at stake: whoever leads, or believes so.
      for (const leader of nodes) {
        const isAwake = leader.state === "running" && leader.raft.role === "leader";
        if (isAwake) this.#ask(leader, { consistency: "lease" });
      }
    }
    if (this.#chance(40)) this.#break(node);
  }

  /** Does some harm, which ends by itself. */
  #break(node: TimedNode): void {
    const forMs = 50 + this.#random.below(2500);
    switch (this.#random.below(8)) {
      case 0:
        this.#cut.add(node.id);
        this.#later(forMs, () => this.#cut.delete(node.id));
        break;
      case 1:
      case 2:
        if (node.state !== "running") break;
        node.state = this.#chance(2) ? "paused" : "suspended";
        this.#later(forMs, () => (node.state = "running"));
        break;
      case 3:
        node.clock.setWall(this.#random.below(4001) - 2000);
        break;
      case 4:
        this.#try(() => node.leadership.transfer(none, () => {}));
        break;
      case 5:
        this.#try(() => node.raft.role === "follower" && node.raft.campaign());
        node.wake();
        break;
      case 6:
        this.#heldKind =
          ["heartbeat-response", "timeout-now", "heartbeat", "request-vote"][
            this.#random.below(4)
          ] ?? "";
        this.#later(forMs, () => (this.#heldKind = ""));
        break;
      default:
        node.journal.holdsQueries = true;
        this.#later(forMs, () => {
          node.journal.holdsQueries = false;
          node.journal.release();
        });
    }
  }

  #drawOptions(): ReadOptions {
    const atLeast = this.#chance(8) ? this.#group.appliedIndex : 0;
    switch (this.#random.below(4)) {
      case 0:
        return { atLeast };
      case 1:
        return { consistency: "lease", atLeast };
      default: {
        const stalenessMsMax = [0, 100, 500, 2000][this.#random.below(4)] ?? 0;
        return { consistency: "local", stalenessMsMax, atLeast };
      }
    }
  }

  #ask(node: TimedNode, options: ReadOptions): void {
    const since = this.#group.now - (options.stalenessMsMax ?? 0);
    const known = this.#acknowledged.findLast(({ at }) => at <= since);
    const read = node.ask(options, 20_000);
    this.#questions.push({ read, options, lengthMin: known?.length ?? 0 });
  }

  #write(leader: TimedNode): void {
    this.#try(() => leader.propose(`w${this.#writeCount++}`));
  }

  /** What a leader has applied may be acknowledged. */
  #look(): void {
    const { now, nodes } = this.#group;
    const leaders = nodes.filter(({ raft }) => raft.role === "leader");
    const newest = Math.max(...leaders.map(({ raft }) => raft.term));
    if (leaders.some(({ raft }) => raft.term < newest)) seen.oldLeaders++;
    const length = Math.max(0, ...leaders.map(({ journal }) => journal.commands.length));
    if (length > (this.#acknowledged.at(-1)?.length ?? 0)) {
      this.#acknowledged.push({ at: now, length });
    }
  }

  #judge(): void {
    const all = this.#group.nodes.map(({ journal }) => journal.commands);
    const longest = all.reduce((a, b) => (a.length >= b.length ? a : b));
    for (const { read, options, lengthMin } of this.#questions) {
      if (read.ending.kind === "rejected") {
        expect(["unavailable", "busy"]).toContain(read.error.code);
        seen.refused++;
        continue;
      }
      const { answer, index } = read.value;
      seen.answered++;
      if (options.consistency === "lease") seen.byLease++;
      expect(answer).toEqual(longest.slice(0, answer.length));
      expect(answer.length).toBeGreaterThanOrEqual(lengthMin);
      expect(index).toBeGreaterThanOrEqual(options.atLeast ?? 0);
    }
  }

  #later(ms: number, repair: () => void): void {
    this.#repairs.push({ at: this.#group.now + ms, repair });
  }

  #chance(oneIn: number): boolean {
    return this.#random.below(oneIn) === 0;
  }

  #try(work: () => unknown): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
  }
}

const seeds = process.env["SEED"]
  ? [Number(process.env["SEED"])]
  : Array.from({ length: 12 }, (_, seed) => seed);

for (const seed of seeds) {
  test(`no read is older than it may be, and each ends, seed ${seed}`, async () => {
    const size = 3 + (seed % 3);
    const learners = seed % 2 === 0 ? withLearners(size) : {};
    const group = await TimedGroup.led(size, { seed: seed + 1, ...learners });
    const swarm = new Swarm(group, new SeededRandom(seed, 1));
    await swarm.run(20_000);
    await swarm.heal();
  });
}

test("the swarm of reads sees what it is for", () => {
  expect(seen.answered).toBeGreaterThan(1000);
  expect(seen.byLease).toBeGreaterThan(1000);
  expect(seen.refused).toBeGreaterThan(0);
  expect(seen.oldLeaders).toBeGreaterThan(100);
  expect([...seen.endings]).toEqual(
    expect.arrayContaining(["newer-term", "no-quorum", "transferred"]),
  );
});
