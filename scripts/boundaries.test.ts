import { expect, test } from "vitest";
import { judge } from "./boundaries.ts";
import { probes } from "./boundary-probes.ts";

const judged = await judge();

test.each(judged)("$probe.package $probe.what: refused by [$probe.refusedBy]", (one) => {
  expect(one.refusedBy).toEqual(one.probe.refusedBy);
});

test("every pure package is probed, with what it must not and with what it may do", () => {
  for (const name of ["core", "wire", "wal", "runtime", "sim"]) {
    const own = probes.filter((probe) => probe.package === `@quorate/${name}`);
    expect(own.filter(({ refusedBy }) => refusedBy.length === 0).length).toBeGreaterThan(1);
    expect(own.filter(({ refusedBy }) => refusedBy.length > 0).length).toBeGreaterThan(20);
  }
});
