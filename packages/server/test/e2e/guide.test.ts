import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CommandProcess, run, type Ended } from "../cluster.ts";
import { freePorts } from "../free-ports.ts";
import { until } from "../until.ts";

const guide = resolve(import.meta.dirname, "../../../../docs/guides/change-members.md");
const machineCount = 6;

let directory: string;
let ports: number[];
let nodes: Map<number, CommandProcess>;
let env: Record<string, string>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "quorate-guide-"));
  ports = await freePorts(2 * machineCount);
  nodes = new Map();
  env = {};
});

afterEach(async () => {
  await Promise.all([...nodes.values()].map((node) => node.kill()));
  await rm(directory, { recursive: true, force: true });
});

/** The commands of the guide in order, each a line. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code = ""]) => code);
  return blocks
    .join("")
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line !== "");
}

/** `text`, with every address and directory of the guide replaced by one of this test. */
function localized(text: string): string {
  return text
    .replaceAll("/var/lib/", `${directory}/`)
    .replaceAll(/10\.0\.0\.(\d):(7001|8001)/g, (_, machine: string, port: string) => {
      const at = 2 * (Number(machine) - 1) + (port === "7001" ? 0 : 1);
      return `127.0.0.1:${ports[at]}`;
    });
}

/** Starts a node as the guide says, with a directory of its own. One that has its address is gone. */
async function serve(words: readonly string[]): Promise<void> {
  const id = Number(words[words.indexOf("--id") + 1]);
  const address = new RegExp(`${id}=(127\\.0\\.0\\.1:\\d+)`).exec(words.join(" "))?.[1] ?? "";
  for (const [other, node] of nodes) {
    if (node.commandLine.some((word) => word.split(",").includes(`${other}=${address}`))) {
      await node.kill();
    }
  }
  const options = [...words];
  options[options.indexOf("--data-dir") + 1] = join(directory, `node-${id}`);
  const usual = ["--segment-bytes", "65536", "--log-format", "json", "--exit-with-parent"];
  const node = new CommandProcess([...options, ...usual], { tied: true });
  nodes.set(id, node);
  await until(`node ${id} serves`, () => node.stdout.includes(`node ${id} serves`), 60_000);
}

/** Runs a command, again as long as it is not known what became of it: that is what the guide says. */
async function ask(words: readonly string[]): Promise<Ended> {
  let ended: Ended | undefined;
  await until(`${words.join(" ")} ends in a known way`, async () => {
    ended = await run(words, { cwd: directory, env });
    return ended.exit.status !== 4;
  });
  if (ended === undefined) throw new Error("it was not run");
  return ended;
}

test("the commands of the guide do what it says, one after the other", async () => {
  const text = await readFile(guide, "utf8");
  for (const line of commandsIn(text)) {
    const words = localized(line).split(" ");
    const [program = "", command, ...rest] = words;
    if (program === "export") {
      env["QUORATE_ENDPOINTS"] = (command ?? "").replace(/^\w+=/, "");
    } else if (command === "serve") {
      await serve(words.slice(1));
      if (nodes.size > 1) continue;
      // "Each started like the first."
      for (const id of ["2", "3"]) {
        const http = localized(`10.0.0.${id}:8001`);
        const own = words.slice(1).map((word, at, all) => {
          if (all[at - 1] === "--id") return id;
          return all[at - 1] === "--http" ? http : word;
        });
        await serve(own);
      }
    } else {
      expect(program, line).toBe("quorate");
      const { exit, stdout, stderr } = await ask(words.slice(1));
      // No leader is gone here: it is as well to learn that the node leads, or that nobody does for a moment.
      const isRefused = command === "forget-leader" && exit.status === 1;
      // The first command may come before there is a leader: then it waits, and says so.
      const told = stderr.replace(
        /^quorate: no node can serve: .*; trying again for up to \d+ s\n/,
        "",
      );
      if (!isRefused) expect([line, exit.status, told]).toEqual([line, 0, ""]);
      if (line === "quorate member add 4 10.0.0.4:7001 --dry-run") {
        const shown = /^```text\n(.*?)^```$/ms.exec(text)?.[1] ?? "";
        expect(withoutIndex(stdout)).toBe(withoutIndex(shown));
      }
      if (command === "member" && rest[0] === "remove") {
        expect(await nodes.get(Number(rest[1]))?.exited).toEqual({ status: 5, signal: null });
      }
    }
  }
  const list = await run(["member", "list", "--json"], { env });
  expect(JSON.parse(list.stdout)).toMatchObject({
    confState: { voters: [1, 3, 6], learners: [] },
    members: [{ id: 1 }, { id: 3, priority: 10 }, { id: 6 }],
    removed: [2, 4, 5],
  });
});

function withoutIndex(text: string): string {
  return text.replaceAll(/--if-index \d+/g, "--if-index");
}
