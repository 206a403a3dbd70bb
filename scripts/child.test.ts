import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runTool } from "./child.ts";

test("runTool collects what a tool says and tells how it ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-child-"));
  try {
    const version = await runTool("tsc", ["--version"], { folder });
    expect(version).toMatchObject({ ok: true, how: "exited with status 0" });
    expect(version.output).toMatch(/^Version \d/);
    const missing = await runTool("tsc", ["--project", "nowhere"], { folder });
    expect(missing).toMatchObject({ ok: false, how: "exited with status 1" });
    expect(missing.output).toContain("nowhere");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("runTool fails where a tool is missing or its folder is", async () => {
  expect(await runTool("no-such-tool", [])).toMatchObject({
    ok: false,
    how: "exited with status 1",
  });
  const nowhere = await runTool("tsc", [], { folder: "no/such/folder" });
  expect(nowhere.ok).toBe(false);
  expect(nowhere.how).toMatch(/^could not be started/);
});

test("runTool kills a tool that takes too long", async () => {
  const ended = await runTool("tsc", ["--watch", "--version"], { timeoutMs: 1 });
  expect(ended).toMatchObject({ ok: false, how: "was killed after 1 ms" });
});
