// Measures @markwylde/liferaft with a log in memory. Its contract is that of every core peer.
import { performance } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { parseArgs } from "node:util";
import LifeRaft from "@markwylde/liferaft";

/** What `Log` of the package does, on an array instead of a LevelDB: the methods that a node calls. */
class MemoryLog {
  committedIndex = 0;
  node;
  entries = [];

  constructor(node) {
    this.node = node;
  }

  async saveCommand(command, term, index = this.entries.length + 1) {
    const responses = [{ address: this.node.address, ack: true }];
    const entry = { term, index, committed: false, responses, command };
    this.entries[index - 1] = entry;
    return entry;
  }

  async getLastInfo() {
    return this.info(this.entries.length);
  }

  async getEntryInfoBefore(entry) {
    return this.info(entry.index - 1);
  }

  info(index) {
    const term = this.entries[index - 1]?.term ?? this.node.term;
    return { index, term, committedIndex: this.committedIndex };
  }

  async has(index) {
    return index in this.entries;
  }

  async get(index) {
    return this.entries[index - 1];
  }

  async removeEntriesAfter(index) {
    this.entries.length = index;
  }

  async commandAck(index, address) {
    const entry = this.entries[index - 1];
    if (entry === undefined) return { responses: [] };
    if (!entry.responses.some((response) => response.address === address)) {
      entry.responses.push({ address, ack: true });
    }
    return entry;
  }

  async commit(index) {
    this.entries[index - 1].committed = true;
    this.committedIndex = index;
  }

  async getUncommittedEntriesUpToIndex(index) {
    return this.entries.slice(this.committedIndex, index).filter((entry) => !entry.committed);
  }

  end() {}
}

/** All members in one thread, with a queue for each as a network. */
class Group {
  nodes = [];
  messageCount = 0;
  appliedCount = 0;
  queues = new Map();

  constructor(voters) {
    const quiet = { heartbeat: "1 hour", "election min": "1 hour", "election max": "2 hours" };
    const addresses = Array.from({ length: voters }, (_, offset) => `n${offset + 1}`);
    for (const address of addresses) {
      const node = new LifeRaft(address, { ...quiet, Log: MemoryLog });
      this.queues.set(address, []);
      for (const other of addresses) {
        node.join(other, (packet, answered) => {
          this.queues.get(other).push({ packet, answered });
        });
      }
      this.nodes.push(node);
    }
    this.nodes[0].on("commit", () => {
      this.appliedCount += 1;
    });
  }

  /** Hands each node its oldest message and lets all of them finish, until no message is left. */
  async settle() {
    for (let busy = true; busy;) {
      busy = false;
      for (const node of this.nodes) {
        const next = this.queues.get(node.address).shift();
        if (next === undefined) continue;
        busy = true;
        this.messageCount += 1;
        node.emit("data", next.packet, (answer) => {
          if (answer !== undefined) this.messageCount += 1;
          next.answered(undefined, answer);
        });
      }
      // A node handles a message in many steps, and takes a second one for the first's if both are under way.
      await turn();
    }
  }

  async elect() {
    const [first] = this.nodes;
    await first.promote();
    await this.settle();
    if (first.state !== LifeRaft.LEADER) throw new Error("the first node did not win");
    return first;
  }

  end() {
    for (const node of this.nodes) node.end();
  }
}

async function run({ voters, bytes, batch, entries }) {
  const group = new Group(voters);
  const leader = await group.elect();
  group.messageCount = 0;
  const data = new Uint8Array(bytes);
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  let done = 0;
  for (; done < entries; done += batch) {
    // One after the other: two under way would take the same index.
    for (let i = 0; i < batch; i++) await leader.command(data);
    await group.settle();
  }
  const { user, system } = process.cpuUsage(cpuStart);
  const seconds = (performance.now() - start) / 1000;
  const { appliedCount: applied, messageCount: messages } = group;
  group.end();
  if (applied !== done) throw new Error(`applied ${applied} of ${done} entries`);
  return { entries, seconds, cpuSeconds: (user + system) / 1e6, messages };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    voters: { type: "string", default: "3" },
    bytes: { type: "string", default: "16" },
    batch: { type: "string", default: "64" },
    entries: { type: "string", default: "640000" },
  },
});
if (positionals[0] !== "core") throw new Error("the only command is core");
const setting = {
  voters: Number(values.voters),
  bytes: Number(values.bytes),
  batch: Number(values.batch),
  entries: Number(values.entries),
};
// The compiler works beside, and late on a busy machine: half of the work would not do.
while (process.cpuUsage().user < 1_500_000) await run(setting);
process.stdout.write(`${JSON.stringify(await run(setting))}\n`);
