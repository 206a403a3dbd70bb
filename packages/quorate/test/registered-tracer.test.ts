import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { registeredTracer, startReplica, type Replica, type Tracer, withTracing } from "quorate";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { MemoryLedger } from "./embed/memory-ledger.ts";
import { temporaryDirectory, until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

const guide = resolve(import.meta.dirname, "..", "..", "..", "docs", "guides", "operate.md");
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });

beforeEach(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});

afterEach(() => {
  exporter.reset();
  trace.disable();
  context.disable();
  propagation.disable();
});

type LedgerReplica = Replica<string, number>;

/** Starts node `id`, traced, which begins a group or joins one, and is closed at the end of the test. */
async function start(
  id: number,
  address: string,
  tracer: Tracer,
  joins = false,
): Promise<LedgerReplica> {
  const directory = await temporaryDirectory();
  const started = await startReplica({
    id,
    cluster: { [id]: address },
    dataDir: join(directory, String(id)),
    stateMachine: new MemoryLedger(),
    join: joins,
    tickMs: 20,
    snapshotTailCount: 0,
    snapshotTailBytes: 0,
    snapshotKeepBytesMax: 0,
  });
  const replica = withTracing(started, tracer);
  onTestFinished(() => replica.close());
  return replica;
}

function spansOf(name: string): readonly ReadableSpan[] {
  return exporter.getFinishedSpans().filter((span) => span.name === name);
}

async function deposit(replica: LedgerReplica): Promise<number> {
  return (await replica.propose(Buffer.from("alice 5"))).index;
}

test("elections and snapshots of a group are spans of traces of their own", async () => {
  const tracer = provider.getTracer("test");
  const [first = "", second = ""] = await freeAddresses(2);
  const replica = await start(1, first, tracer);
  const parent = tracer.startSpan("of the caller");
  const taken = await context.with(trace.setSpan(context.active(), parent), async () => {
    await deposit(replica);
    return replica.snapshot();
  });
  await replica.read("alice");
  const joiner = await start(2, second, tracer, true);
  await replica.members.add({ id: 2, address: second });
  await until("the new node has a snapshot", () => joiner.status().counters.snapshots.restored > 0);
  await until("the leader knows", () => replica.status().counters.snapshots.sent > 0);
  await replica.transferLeadership(2);
  await until("the other has won", () => spansOf("quorate.election").length === 2);

  const attributesOf = (name: string): readonly unknown[] =>
    spansOf(name).map(({ attributes }) => attributes);
  expect(attributesOf("quorate.election")).toMatchObject([
    { "quorate.node": 1, "quorate.term": 1, "quorate.role": "leader" },
    { "quorate.node": 2, "quorate.term": 2, "quorate.role": "leader" },
  ]);
  const index = { "quorate.index": taken.index };
  expect(attributesOf("quorate.snapshot")).toMatchObject([{ ...index, "quorate.node": 1 }]);
  expect(attributesOf("quorate.snapshot.take")[0]).toMatchObject({ ...index, "quorate.node": 1 });
  expect(attributesOf("quorate.snapshot.send")).toMatchObject([
    { "quorate.node": 1, "quorate.peer": 2, "quorate.term": 1 },
  ]);
  expect(attributesOf("quorate.snapshot.receive")).toMatchObject([
    { "quorate.node": 2, "quorate.peer": 1 },
  ]);
  expect(attributesOf("quorate.snapshot.restore")).toMatchObject([{ "quorate.node": 2 }]);

  const made = exporter.getFinishedSpans();
  const calls = new Set(["quorate.propose", "quorate.snapshot"]);
  for (const { name, parentSpanContext } of made) {
    const above = calls.has(name) ? parent.spanContext().spanId : undefined;
    expect([name, parentSpanContext?.spanId]).toEqual([name, above]);
  }
  const listed = (await readFile(guide, "utf8")).matchAll(/^\| `(quorate\.[a-z_.]+)`/gm);
  expect(new Set(made.map(({ name }) => name))).toEqual(
    new Set([...listed].map(([, name]) => name)),
  );
});

test("registeredTracer is undefined unless a provider is registered", async () => {
  expect(await registeredTracer()).toBeUndefined();
  trace.setGlobalTracerProvider(provider);
  const tracer = await registeredTracer();
  tracer?.startSpan("a").end();
  expect(spansOf("a")).toHaveLength(1);
  trace.disable();
  expect(await registeredTracer()).toBeUndefined();
});

test("continueTrace goes on with the trace of the headers, unless a span is active", async () => {
  trace.setGlobalTracerProvider(provider);
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const tracer = await registeredTracer();
  if (tracer === undefined) throw new Error("a provider is registered");
  const [address = ""] = await freeAddresses(1);
  const replica = await start(1, address, tracer);
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
  await tracer.continueTrace(headers, () => deposit(replica));
  await tracer.continueTrace({ traceparent: "nonsense" }, () => deposit(replica));
  await tracer.continueTrace({}, () => deposit(replica));
  const active = provider.getTracer("test").startSpan("active");
  await context.with(trace.setSpan(context.active(), active), () =>
    tracer.continueTrace(headers, () => deposit(replica)),
  );

  const spans = spansOf("quorate.propose");
  expect(spans[0]?.spanContext().traceId).toBe(traceId);
  expect(spans.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
    "b7ad6b7169203331",
    undefined,
    undefined,
    active.spanContext().spanId,
  ]);
});
