import { readFileSync, writeFileSync } from "node:fs";
import { at, confStateOf, newEntry, type Storage } from "@quorate/core";
import { expect, test } from "vitest";
import { ascii } from "../src/bytes.ts";
import { openWal } from "../src/index.ts";
import { MemoryDisk } from "../src/testing.ts";
import { contentOf } from "./harness.ts";

const page = new URL("../FORMAT.md", import.meta.url);
const names = ["0000000000000001.wal", "0000000000000001.snap"] as const;
const options = {
  identity: { clusterId: "docs", nodeId: 3 },
  incarnation: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
  segmentBytes: 2048,
};
const hardState = { term: 1, vote: 3, commitIndex: 0 };
const received = {
  snapshot: { term: 2, index: 9, confState: confStateOf([1, 2, 3]) },
  members: ascii("1 2 3"),
  id: Uint8Array.from({ length: 16 }, (_, i) => 0xb0 + i),
  external: false,
};

/** The examples as the page has them, between their fences: one for each name. */
const examples = /(?<=```hexdump\n)[^`]*(?=```)/g;

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

/** The bytes of the examples, in the order of `names`. */
function shown(): readonly Uint8Array[] {
  return (readFileSync(page, "utf8").match(examples) ?? []).map(parsed);
}

/** The id and the kind of each entry, and its data. */
function listed({ entries }: Storage): readonly unknown[] {
  return entries.map(({ term, index, kind, data }) => [term, index, kind, ...data]);
}

test("FORMAT.md shows the bytes that are written", async () => {
  const disk = new MemoryDisk();
  const { wal, snapshots } = await openWal(disk, options);
  const first = newEntry({ term: 1, index: 1 }, "no-op");
  const second = newEntry({ term: 1, index: 2 }, "command", ascii("hi"));
  await wal.append({ entries: [first, second], hardState });
  await wal.append({ entries: [], hardState: { ...hardState, commitIndex: 2 } });
  const writer = await snapshots.create(received);
  await writer.write(ascii("state"));
  await writer.commit();
  await wal.append({
    entries: [newEntry({ term: 2, index: 10 }, "no-op")],
    hardState: { term: 2, vote: 0, commitIndex: 9 },
    reset: { term: 2, index: 9 },
  });
  const actual = names.map((name) => dumped(disk.readFile(name)));
  const text = readFileSync(page, "utf8");
  if (process.env["REWRITE"] === undefined) {
    expect(actual).toEqual(text.match(examples));
  } else {
    const rest = [...actual];
    writeFileSync(
      page,
      text.replace(examples, () => rest.shift() ?? ""),
    );
  }
});

test("FORMAT.md shows bytes that are read back as it says", async () => {
  const disk = new MemoryDisk();
  for (const [i, bytes] of shown().entries()) disk.writeFile(at(names, i), bytes);
  const incarnation = new Uint8Array(16);
  const { storage, wal, snapshots, members } = await openWal(disk, { ...options, incarnation });
  expect(storage.hardState).toEqual({ term: 2, vote: 0, commitIndex: 9 });
  expect(storage.base).toEqual({ term: 2, index: 9 });
  expect(listed(storage)).toEqual([[2, 10, "no-op"]]);
  expect(storage.snapshot).toEqual(received.snapshot);
  expect(members).toEqual(received.members);
  expect(wal.incarnation).toEqual(options.incarnation);
  const newest = must(snapshots.newest);
  expect(newest).toMatchObject(received);
  expect(await contentOf(snapshots, newest)).toEqual(ascii("state"));
});

test("FORMAT.md shows a log as it was before the snapshot, and a crash completes the install", async () => {
  const [log, snapshot] = shown();
  const before = must(log).slice();
  for (let offset = 0x4e0; offset < before.length; offset++) {
    before[offset] = at([...before], 48 + (offset % 16));
  }
  const disk = new MemoryDisk();
  disk.writeFile(names[0], before);
  const { storage } = await openWal(disk, options);
  expect(storage.hardState).toEqual({ ...hardState, commitIndex: 2 });
  expect(listed(storage)).toEqual([
    [1, 1, "no-op"],
    [1, 2, "command", 0x68, 0x69],
  ]);

  disk.writeFile(names[0], before);
  disk.writeFile(names[1], must(snapshot));
  const completed = await openWal(disk, options);
  expect(completed.storage).toEqual({
    hardState: { term: 2, vote: 0, commitIndex: 9 },
    snapshot: received.snapshot,
    base: { term: 2, index: 9 },
    entries: [],
  });
});

test.each([
  ["## Header", "| offset |", 0, 1024],
  ["## Batch", "| offset |", 0, 80],
  ["## Snapshot", "| offset |", 584, 1024],
  ["## Snapshot", "| from the end |", 0, 24],
])(
  "FORMAT.md gives each field under %s, %s, the place right after the one before it",
  (...table) => {
    const [heading, columns, start, end] = table;
    const text = readFileSync(page, "utf8");
    const section = text.slice(text.indexOf(`\n${heading}\n`) + 1).split("\n## ")[0] ?? "";
    const rows = section.slice(section.indexOf(columns)).split("\n\n")[0] ?? "";
    let expected = start;
    for (const [, offset, length] of rows.matchAll(/^\| (\d+) \| (\d+) \|/gm)) {
      expect(Number(offset)).toBe(expected);
      expected += Number(length);
    }
    expect(expected).toBe(end);
  },
);

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("there is one");
  return value;
}
