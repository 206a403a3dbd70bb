import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CommandProcess } from "../cluster.ts";
import { freePorts } from "../free-ports.ts";
import { until } from "../until.ts";

interface SpanLine {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly traceId: string;
  readonly parentId?: string;
}

const registration = pathToFileURL(resolve(import.meta.dirname, "register-tracing.mjs")).href;
const traceId = "0af7651916cd43dd8448eb211c80319c";
const parentId = "b7ad6b7169203331";

test("quorate serve goes on with the trace of a request, if a provider is registered", async () => {
  const directory = await mkdtemp(join(tmpdir(), "quorate-trace-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const spans = join(directory, "spans");
  const [peer, http] = await freePorts(2);
  const node = new CommandProcess(
    [
      ...["serve", "--id", "1", "--cluster", `1=127.0.0.1:${peer}`, "--tick-ms", "20"],
      ...["--http", `127.0.0.1:${http}`, "--data-dir", join(directory, "1"), "--exit-with-parent"],
    ],
    { tied: true, env: { NODE_OPTIONS: `--import ${registration}`, SPANS: spans } },
  );
  onTestFinished(() => node.kill());
  const url = `http://127.0.0.1:${http}`;
  await until("it leads", async () => {
    const ready = await fetch(`${url}/readyz`).catch(() => undefined);
    return ready?.status === 200;
  });

  const headers = { traceparent: `00-${traceId}-${parentId}-01` };
  const put = await fetch(`${url}/v1/kv/a`, { method: "PUT", body: "1", headers });
  expect(put.status).toBe(200);
  const { index } = (await put.json()) as { readonly index: number };
  expect((await fetch(`${url}/v1/kv/a`, { headers })).status).toBe(200);
  expect((await fetch(`${url}/v1/kv/a`)).status).toBe(200);
  node.signal("SIGTERM");
  expect((await node.exited).status).toBe(0);

  const lines = (await readFile(spans, "utf8")).trimEnd().split("\n");
  const made = lines.map((line) => JSON.parse(line) as SpanLine);
  const named = (name: string): readonly SpanLine[] => made.filter((span) => span.name === name);
  expect(named("quorate.propose")).toMatchObject([
    {
      traceId,
      parentId,
      attributes: { "quorate.node": 1, "quorate.term": 1, "quorate.index": index },
    },
  ]);
  const [known, unknown] = named("quorate.read");
  expect(known).toMatchObject({ traceId, parentId });
  expect(unknown?.traceId).not.toBe(traceId);
  expect(named("quorate.election")).toMatchObject([{ attributes: { "quorate.role": "leader" } }]);
});
