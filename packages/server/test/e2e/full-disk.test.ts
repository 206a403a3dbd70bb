import { join } from "node:path";
import { expect, onTestFailed, onTestFinished, test } from "vitest";
import { ApiError } from "../../src/api-error.ts";
import { Client } from "../../src/client.ts";
import type { NodeStatus } from "../../src/node-status.ts";
import { CommandProcess } from "../cluster.ts";
import { freePorts } from "../free-ports.ts";
import { SmallDisk } from "../small-disk.ts";
import { until } from "../until.ts";

const mebi = 1024 * 1024;
const diskBytes = 16 * mebi;
const value = Buffer.alloc(60_000, "v");

/** One node of a group on a small disk, through all its lives. */
class Node {
  readonly url: string;
  readonly client: Client;
  readonly #disk: SmallDisk;
  readonly #commandLine: readonly string[];
  readonly #lives: CommandProcess[] = [];

  constructor(disk: SmallDisk, id: number, members: string, http: string) {
    this.#disk = disk;
    this.url = `http://${http}`;
    this.client = new Client({ endpoints: [this.url], timeoutMs: 10_000 });
    const own = {
      "--id": String(id),
      "--cluster": members,
      "--http": http,
      "--data-dir": join(disk.path, `node-${id}`),
      "--tick-ms": "50",
      "--segment-bytes": String(mebi),
      "--reserve-bytes": String(2 * mebi),
      "--log-format": "json",
    };
    this.#commandLine = ["serve", ...Object.entries(own).flat(), "--exit-with-parent"];
    onTestFinished(async () => {
      this.client.close();
      await this.kill();
    });
    onTestFailed(() => {
      process.stderr.write(this.#lives.map(({ stdout, stderr }) => stdout + stderr).join(""));
    });
  }

  start(): void {
    const { within } = this.#disk;
    this.#lives.push(new CommandProcess(this.#commandLine, { tied: true, within }));
  }

  async kill(): Promise<void> {
    await this.#lives.at(-1)?.kill();
  }

  get log(): string {
    return this.#lives.at(-1)?.stdout ?? "";
  }

  async status(): Promise<NodeStatus | undefined> {
    return await this.client.status(this.url, { timeoutMs: 1000 }).catch(() => undefined);
  }

  async untilState(state: string): Promise<NodeStatus> {
    let status: NodeStatus | undefined;
    await until(`the node is ${state}`, async () => {
      status = await this.status();
      return status?.state === state;
    });
    return status ?? expect.unreachable();
  }

  /** Puts `value` under keys that begin with `prefix` until that is refused for want of room. */
  async putUntilFull(prefix: string): Promise<void> {
    for (let number = 0; ; number++) {
      const error = await this.put(`${prefix}${number % 20}`);
      if (error?.code === "disk_full") return;
      expect(error?.code).toBeUndefined();
      expect(number).toBeLessThan(1000);
    }
  }

  /** What refuses a put, asked once. */
  async put(key: string): Promise<ApiError | undefined> {
    const reply = await fetch(`${this.url}/v1/kv/${key}`, { method: "PUT", body: value });
    if (reply.ok) return undefined;
    const { code, message } = (await reply.json()) as { code: "disk_full"; message: string };
    return new ApiError(code, message, { status: reply.status });
  }

  async get(key: string): Promise<Buffer | undefined> {
    const { value: found } = await this.client.get(Buffer.from(key));
    return found === undefined ? undefined : Buffer.from(found);
  }
}

/** A group of one, which runs. */
async function alone(): Promise<{ disk: SmallDisk; node: Node }> {
  const disk = await SmallDisk.mount(diskBytes);
  const [peer, http] = await freePorts(2);
  const node = new Node(disk, 1, `1=127.0.0.1:${peer}`, `127.0.0.1:${http}`);
  node.start();
  await until("the node serves", async () => (await node.status())?.role === "leader");
  return { disk, node };
}

test("a disk that others fill and free: writes are refused and resume, reads go on", async () => {
  const { disk, node } = await alone();
  expect(await node.put("kept")).toBeUndefined();
  await disk.fill();
  await node.putUntilFull("a");
  const refused = await node.put("refused");
  expect([refused?.status, refused?.code]).toEqual([507, "disk_full"]);
  expect((await node.status())?.state).toBe("full");
  expect(await node.get("kept")).toEqual(value);
  expect(await node.get("refused")).toBeUndefined();
  expect(node.log).toContain("the disk is full");
  await disk.free();
  await node.untilState("running");
  expect(await node.put("after")).toBeUndefined();
  expect(await node.get("after")).toEqual(value);
  expect(node.log).toContain("the disk has room again");
});

test("a node that is killed on a full disk starts on it, answers, and resumes", async () => {
  const { disk, node } = await alone();
  expect(await node.put("kept")).toBeUndefined();
  await disk.fill();
  await node.putUntilFull("a");
  for (let life = 0; life < 3; life++) {
    await node.kill();
    // What the process let go of is taken, too, but for what the directory itself needs.
    if (life === 0) {
      await disk.free();
      await disk.fill();
    }
    node.start();
    await node.untilState("full");
    expect(await node.get("kept")).toEqual(value);
    expect(await node.put("refused")).toMatchObject({ status: 507, code: "disk_full" });
  }
  await disk.free();
  await node.untilState("running");
  expect(await node.put("after")).toBeUndefined();
});

test("a disk that the log alone would fill many times is never full for long", async () => {
  const { node } = await alone();
  // 60 MB over a state of 1.2 MB.
  for (let number = 0; number < 1000;) {
    const error = await node.put(`key${number % 20}`);
    if (error === undefined) number++;
    else {
      // A snapshot may be slower than the load for a moment.
      expect(error.code).toBe("disk_full");
      await node.untilState("running");
    }
  }
  expect(node.log).toContain("snapshot taken");
  expect(await node.get("key0")).toEqual(value);
  await node.untilState("running");
});

test("a state that outgrows its disk is kept, and grows on when the disk does", async () => {
  const { disk, node } = await alone();
  let count = 0;
  while ((await node.put(`more${count}`)) === undefined) count++;
  expect(count).toBeGreaterThan(50);
  await until("what there is no room for is told", async () => {
    return (await node.status())?.diskLacks === "snapshot";
  });
  await node.kill();
  node.start();
  await until("the node serves", async () => (await node.status())?.role === "leader");
  expect(await node.get(`more${count - 1}`)).toEqual(value);
  // What the snapshot that was not finished took is free again, but not for long.
  await node.putUntilFull("again");
  await disk.enlarge(8 * diskBytes);
  await node.untilState("running");
  expect(await node.put("after")).toBeUndefined();
});

test("a group goes on without the one whose disk is full, and has it back", async () => {
  const disks = await Promise.all([1, 2, 3].map(() => SmallDisk.mount(diskBytes)));
  const ports = await freePorts(6);
  const members = [1, 2, 3].map((id) => `${id}=127.0.0.1:${ports[id - 1]}`).join(",");
  const nodes = disks.map((disk, at) => {
    return new Node(disk, at + 1, members, `127.0.0.1:${ports[3 + at]}`);
  });
  for (const node of nodes) node.start();
  const leads = async (node: Node): Promise<boolean> => (await node.status())?.role === "leader";
  let leader: Node | undefined;
  const untilLed = async (accept: (node: Node) => boolean): Promise<void> =>
    until("a node leads", async () => {
      for (const node of nodes) if (accept(node) && (await leads(node))) leader = node;
      return leader !== undefined && accept(leader);
    });
  await untilLed(() => true);
  const full = leader ?? expect.unreachable();
  const disk = disks[nodes.indexOf(full)] ?? expect.unreachable();
  await disk.fill();
  const all = new Client({ endpoints: nodes.map(({ url }) => url), timeoutMs: 30_000 });
  onTestFinished(() => all.close());
  for (let number = 0; number < 100; number++) {
    await all.put(Buffer.from(`key${number % 20}`), value);
  }
  await untilLed((node) => node !== full);
  expect((await full.status())?.state).toBe("full");
  // It cannot have what is new; the others can, and what it has can be asked for.
  const key = Buffer.from("key19");
  expect(Buffer.from((await all.get(key)).value ?? [])).toEqual(value);
  expect((await full.client.get(key, { consistency: "local" })).index).toBeGreaterThan(0);
  await disk.free();
  await full.untilState("running");
  expect(await full.put("after")).toBeUndefined();
  expect(await full.get("after")).toEqual(value);
});
