import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startReplica, withTracing } from "../src/index.ts";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("test");

test("calls and elections of a replica are spans, below what is active", async () => {
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  const dataDir = await mkdtemp(join(tmpdir(), "quorate-tracing-"));
  onTestFinished(async () => {
    context.disable();
    await rm(dataDir, { recursive: true });
  });
  const started = await startReplica({
    id: 1,
    cluster: { 1: "127.0.0.1:1" },
    listen: "127.0.0.1:0",
    dataDir,
    tickMs: 10,
    stateMachine: { apply: (entries) => entries.map(({ data }) => data), query: () => "state" },
  });
  const replica = withTracing(started, tracer);
  const parent = tracer.startSpan("request");
  const { index } = await context.with(trace.setSpan(context.active(), parent), async () => {
    return await replica.propose(Uint8Array.of(1, 2, 3));
  });
  parent.end();
  expect((await replica.read("all")).answer).toBe("state");
  await expect(replica.members.remove(7)).rejects.toThrow("invalid_change");
  await expect(replica.snapshot()).rejects.toThrow("snapshot_failed");
  expect(await replica.transferLeadership(1)).toBe(1);
  expect(replica.members.list().members).toHaveLength(1);
  await replica.close();

  const spans = exporter.getFinishedSpans();
  const named = (name: string): (typeof spans)[number] => {
    const span = spans.find((each) => each.name === `quorate.${name}`);
    if (span === undefined) throw new Error(`there is no span ${name}`);
    return span;
  };
  const propose = named("propose");
  expect(propose.attributes).toEqual({
    "quorate.node": 1,
    "quorate.bytes": 3,
    "quorate.index": index,
    "quorate.term": 1,
  });
  expect(propose.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
  expect(named("read").attributes["quorate.consistency"]).toBe("linearizable");
  expect(named("change_members")).toMatchObject({
    status: { code: 2 },
    attributes: {
      "quorate.change": "remove",
      "quorate.code": "invalid_change",
      "quorate.outcome": "not-applied",
    },
  });
  expect(named("snapshot").status.code).toBe(2);
  expect(named("transfer_leadership").attributes["quorate.leader"]).toBe(1);
});
