import { readFileSync, writeFileSync } from "node:fs";
import { newEntry } from "@quorate/core";
import { expect, test } from "vitest";
import { openWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";

const page = new URL("../FORMAT.md", import.meta.url);
const name = "0000000000000001.wal";
const options = {
  identity: { clusterId: "docs", nodeId: 3 },
  incarnation: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
  segmentBytes: 2048,
};
const hardState = { term: 1, vote: 3, commitIndex: 0 };

/** The example as the page has it, between its fences. */
const example = /(?<=```hexdump\n)[^`]*(?=```)/;

/** `bytes` as lines of 16, with `*` for lines like the one before. */
function dumped(bytes: Uint8Array): string {
  const lines: string[] = [];
  let previous = "";
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const row = [...bytes.subarray(offset, offset + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row
      .map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "."))
      .join("");
    if (hex !== previous) lines.push(`${offset.toString(16).padStart(8, "0")}  ${hex}  |${text}|`);
    else if (lines.at(-1) !== "*") lines.push("*");
    previous = hex;
  }
  return `${lines.join("\n")}\n${bytes.length.toString(16).padStart(8, "0")}\n`;
}

/** The bytes that a dump shows. */
function parsed(dump: string): Uint8Array {
  const bytes: number[] = [];
  for (const line of dump.trim().split("\n")) {
    const offset = Number.parseInt(line, 16);
    while (line !== "*" && bytes.length < offset) bytes.push(bytes.at(-16) ?? 0);
    const hex = line.slice(10).split("  |")[0] ?? "";
    for (const byte of hex.split(" ")) if (byte !== "") bytes.push(Number.parseInt(byte, 16));
  }
  return Uint8Array.from(bytes);
}

test("FORMAT.md shows the bytes that are written", async () => {
  const disk = new MemoryDisk();
  const { wal } = await openWal(disk, options);
  const first = newEntry({ term: 1, index: 1 }, "no-op");
  const second = newEntry({ term: 1, index: 2 }, "command", Uint8Array.of(0x68, 0x69));
  await wal.append({ entries: [first, second], hardState });
  await wal.append({ entries: [], hardState: { ...hardState, commitIndex: 2 } });
  const actual = dumped(disk.readFile(name));
  const text = readFileSync(page, "utf8");
  if (process.env["REWRITE"] !== undefined) writeFileSync(page, text.replace(example, actual));
  else expect(actual).toBe(example.exec(text)?.[0]);
});

test("FORMAT.md shows bytes that are read back as it says", async () => {
  const disk = new MemoryDisk();
  disk.writeFile(name, parsed(example.exec(readFileSync(page, "utf8"))?.[0] ?? ""));
  const { storage, wal } = await openWal(disk, { ...options, incarnation: new Uint8Array(16) });
  expect(storage.hardState).toEqual({ ...hardState, commitIndex: 2 });
  expect(
    storage.entries.map(({ term, index, kind, data }) => [term, index, kind, ...data]),
  ).toEqual([
    [1, 1, "no-op"],
    [1, 2, "command", 0x68, 0x69],
  ]);
  expect(wal.incarnation).toEqual(options.incarnation);
});

test("FORMAT.md gives each field the place right after the one before it", () => {
  const text = readFileSync(page, "utf8");
  for (const [heading, end] of [
    ["## Segment header", 1024],
    ["## Batch", 80],
  ] as const) {
    const section = text.slice(text.indexOf(heading)).split("\n## ")[0] ?? "";
    let expected = 0;
    for (const [, offset, length] of section.matchAll(/^\| (\d+) \| (\d+) \|/gm)) {
      expect(Number(offset)).toBe(expected);
      expected += Number(length);
    }
    expect(expected).toBe(end);
  }
});
