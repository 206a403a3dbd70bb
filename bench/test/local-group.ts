import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Replica, startReplica } from "quorate";
import { CopyMeter } from "../src/counts/copy-meter.ts";
import { FileMeter } from "../src/counts/file-meter.ts";
import { FrameMeter } from "../src/counts/frame-meter.ts";
import { freePorts } from "../src/process-group.ts";

/** What a load cost three replicas, for each of its entries. */
export interface LocalCounts {
  /** Of the leader. */
  readonly leaderSyncs: number;
  /** Of the follower that synced most. */
  readonly followerSyncs: number;
  /** Of all together. */
  readonly frames: number;
  readonly copiedBytes: number;
}

interface Member {
  readonly replica: Replica<undefined, number>;
  readonly dataDir: string;
}

const size = 3;
/** Elections and heartbeats are rare, so that hardly any falls into a count, however slow the machine. */
const timing = { tickMs: 20, raft: { electionTimeoutTicks: 50, heartbeatTicks: 25 } };

/** Three replicas in this process, over real files and connections, and all that they do counted. */
export class LocalGroup {
  readonly #dir = mkdtempSync(join(tmpdir(), "quorate-counts-"));
  readonly #copies = new CopyMeter();
  readonly #files = new FileMeter();
  readonly #frames = new FrameMeter();
  readonly #members: Member[] = [];

  /** Starts the replicas, and has them write until all is compiled and the log has its first segment. */
  static async start(): Promise<LocalGroup> {
    const group = new LocalGroup();
    const ports = await freePorts(size);
    const cluster = Object.fromEntries(ports.map((port, i) => [i + 1, `127.0.0.1:${port}`]));
    for (let id = 1; id <= size; id++) {
      const dataDir = join(group.#dir, String(id));
      const stateMachine = {
        apply: (entries: readonly unknown[]) => entries.map(() => new Uint8Array(0)),
        query: () => 0,
      };
      const replica = await startReplica({ id, cluster, dataDir, stateMachine, ...timing });
      group.#members.push({ replica, dataDir });
    }
    await group.count({ clients: 1, bytes: 16, writes: 20 });
    return group;
  }

  /** Counts while `clients` write; anew if the leader changed, which a busy machine can bring about. */
  async count(load: { clients: number; bytes: number; writes: number }): Promise<LocalCounts> {
    for (;;) {
      const leader = await this.#leader();
      const { term } = leader.replica.status();
      const before = this.#read(leader);
      await this.#write(leader, load);
      const after = this.#read(leader);
      const now = leader.replica.status();
      if (now.role !== "leader" || now.term !== term) continue;
      const per = (of: (counts: LocalCounts) => number): number => {
        return (of(after) - of(before)) / load.writes;
      };
      return {
        leaderSyncs: per(({ leaderSyncs }) => leaderSyncs),
        followerSyncs: per(({ followerSyncs }) => followerSyncs),
        frames: per(({ frames }) => frames),
        copiedBytes: per(({ copiedBytes }) => copiedBytes),
      };
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ replica }) => replica.close()));
    for (const meter of [this.#copies, this.#files, this.#frames]) meter.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  /** The leader, once it has put on record who is in the group: that takes entries of its own. */
  async #leader(): Promise<Member> {
    for (;;) {
      const leader = this.#members.find(({ replica }) => replica.status().role === "leader");
      if (leader !== undefined && knowsAll(leader)) return leader;
      await delay(10);
    }
  }

  /** Writes, and waits until every replica has applied everything. */
  async #write(
    { replica }: Member,
    { clients, bytes, writes }: { clients: number; bytes: number; writes: number },
  ): Promise<void> {
    const data = new Uint8Array(bytes);
    let left = writes;
    const client = async (): Promise<void> => {
      while (left-- > 0) await replica.propose(data, { timeoutMs: 60_000 });
    };
    await Promise.all(Array.from({ length: clients }, client));
    const { commitIndex } = replica.status();
    while (this.#members.some((member) => member.replica.status().appliedIndex < commitIndex)) {
      await delay(5);
    }
  }

  #read(leader: Member): LocalCounts {
    const syncs = (member: Member): number => this.#files.below(member.dataDir).syncs;
    const followers = this.#members.filter((member) => member !== leader);
    return {
      leaderSyncs: syncs(leader),
      followerSyncs: Math.max(...followers.map(syncs)),
      frames: this.#frames.frames,
      copiedBytes: this.#copies.bytes,
    };
  }
}

function knowsAll({ replica }: Member): boolean {
  const { members } = replica.members.list();
  return members.every(({ incarnation }) => incarnation !== undefined);
}
