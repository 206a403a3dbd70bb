import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./tree.ts";
import { tallyOf } from "./vitest-run.ts";

const fine = { ok: true, how: "exited with status 0" };
const ill = { ok: false, how: "exited with status 1" };

const report = (...files: { status?: string; message?: string; tests: string[] }[]): string =>
  JSON.stringify({
    testResults: files.map(({ status = "passed", message = "", tests }, index) => ({
      name: join(root, `${index}.test.ts`),
      status,
      message,
      assertionResults: tests.map((result) => ({ fullName: `a test ${result}`, status: result })),
    })),
  });

test("tallyOf counts every test of every file", () => {
  const text = report({ tests: ["passed", "passed"] }, { tests: ["passed"] });
  expect(tallyOf(text, fine)).toEqual({ passed: 3, failures: [] });
});

test("tallyOf names each test that failed", () => {
  const text = report({ status: "failed", tests: ["passed", "failed"] });
  expect(tallyOf(text, ill)).toEqual({
    passed: 1,
    failures: ["0.test.ts: a test failed (failed)"],
  });
});

test.each(["skipped", "pending", "todo", "disabled"])(
  "tallyOf fails a test that is %s",
  (status) => {
    const { passed, failures } = tallyOf(report({ tests: ["passed", status] }), fine);
    expect({ passed, failed: failures.length }).toEqual({ passed: 1, failed: 1 });
  },
);

test("tallyOf fails a file that could not be loaded", () => {
  const text = report({ tests: ["passed"] }, { status: "failed", message: "no module", tests: [] });
  expect(tallyOf(text, ill)).toEqual({ passed: 1, failures: ["1.test.ts: no module"] });
});

test("tallyOf fails a run without tests", () => {
  expect(tallyOf(report(), fine)).toEqual({ passed: 0, failures: ["vitest ran no tests"] });
});

test("tallyOf fails a crash, and an error outside of any test", () => {
  const crash = { ok: false, how: "was killed by SIGSEGV" };
  expect(tallyOf(undefined, crash).failures).toEqual([
    "vitest left no report: it was killed by SIGSEGV",
  ]);
  const { passed, failures } = tallyOf(report({ tests: ["passed"] }), ill);
  expect(passed).toBe(1);
  expect(failures).toEqual([
    "vitest exited with status 1, though no test failed: an error outside of any test",
  ]);
});
