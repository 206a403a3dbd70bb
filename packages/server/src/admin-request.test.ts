import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeChange, decodeSnapshotRequest, decodeTransfer } from "./admin-request.ts";
import { ApiError } from "./api-error.ts";

/** What `run` ends with: `ok`, or the code of the `ApiError` that it throws; nothing else may be thrown. */
function codeOf(run: () => unknown): string {
  try {
    run();
    return "ok";
  } catch (error) {
    if (error instanceof ApiError) return error.code;
    throw error;
  }
}

const decoders = [decodeChange, decodeTransfer, decodeSnapshotRequest];

test("hostile bytes and JSON are decoded, or refused as invalid_argument", () => {
  const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.constantFrom("voter", "add", null));
  const names = ["kind", "id", "by", "address", "as", "priority", "voters", "learners", "to"];
  const fields = fc.dictionary(fc.constantFrom(...names, "ifIndex", "dryRun", "timeoutMs"), value);
  const kinds = fc.constantFrom("add", "remove", "replace", "set", "update", "promote", "frob");
  const wish = fc.tuple(fields, kinds).map(([rest, kind]) => ({ ...rest, kind }));
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 50 }),
    fc.oneof(fc.jsonValue(), fields, wish).map((body) => Buffer.from(JSON.stringify(body))),
  );
  fc.assert(
    fc.property(bodies, (bytes) => {
      for (const decode of decoders) {
        expect(["ok", "invalid_argument"]).toContain(codeOf(() => decode(bytes)));
      }
    }),
    { numRuns: 2_000 },
  );
});

test("a field of a prototype is no field", () => {
  const body = Buffer.from('{"kind":"remove","id":1,"__proto__":{"dryRun":true}}');
  expect(codeOf(() => decodeChange(body))).toBe("invalid_argument");
  expect(codeOf(() => decodeTransfer(Buffer.from('{"constructor":1}')))).toBe("invalid_argument");
});

test("an empty body asks for nothing in particular", () => {
  const nothing = new Uint8Array(0);
  expect(decodeTransfer(nothing)).toEqual({ to: undefined, timeoutMs: undefined });
  expect(decodeSnapshotRequest(nothing)).toEqual({ timeoutMs: undefined });
  expect(codeOf(() => decodeChange(nothing))).toBe("invalid_argument");
});
