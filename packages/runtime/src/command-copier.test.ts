import fc from "fast-check";
import { expect, test } from "vitest";
import { CommandCopier } from "./command-copier.ts";

test("CommandCopier gives plain copies that nothing changes any more", () => {
  const lengths = fc.array(
    fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(8191, 8192, 8193, 70_000)),
  );
  fc.assert(
    fc.property(lengths, (all) => {
      const copier = new CommandCopier();
      const copies = all.map((length, position) => {
        const command = Buffer.alloc(length, position);
        const copy = copier.copy(command);
        command.fill(0xff);
        return copy;
      });
      for (const [position, copy] of copies.entries()) {
        expect(copy).toEqual(new Uint8Array(all[position] ?? 0).fill(position));
      }
    }),
  );
});

test("CommandCopier lets small commands share a buffer, and bounds what one keeps alive", () => {
  const copier = new CommandCopier();
  const buffers = new Set<unknown>();
  for (let count = 0; count < 1000; count++) {
    const copy = copier.copy(new Uint8Array(100));
    if (!(copy instanceof Uint8Array)) throw copy;
    expect(copy.buffer.byteLength).toBeLessThanOrEqual(65_536);
    buffers.add(copy.buffer);
  }
  expect(buffers.size).toBe(2);
  const large = copier.copy(new Uint8Array(10_000));
  expect(large).toMatchObject({ byteOffset: 0, buffer: { byteLength: 10_000 } });
});

test("CommandCopier refuses what is no command", () => {
  const copier = new CommandCopier();
  const text: unknown = "text";
  expect(copier.copy(text as Uint8Array)).toMatchObject({ code: "invalid_argument" });
  const gone = new Uint8Array(10);
  structuredClone(gone, { transfer: [gone.buffer] });
  expect(copier.copy(gone)).toMatchObject({ code: "invalid_argument" });
});
