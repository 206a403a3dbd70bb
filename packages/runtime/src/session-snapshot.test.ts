import { expect, test } from "vitest";
import { encodeSessions, readSessions } from "./session-snapshot.ts";
import type { SessionsView, SessionView } from "./session-table.ts";

const view: SessionsView = {
  logTime: 2 ** 40,
  sessions: [
    { name: 7, usedAt: 5, ttlMs: 100, floor: 3, results: new Map() },
    {
      ...{ name: "\0ÿ key", usedAt: 6, ttlMs: 1, floor: 1 },
      results: new Map([
        [1, { index: 9, digest: 0xffffffff, commandBytes: 3, result: Uint8Array.of(1, 2, 3) }],
        [4, { index: 8, digest: 0, commandBytes: 0, result: new Uint8Array(0) }],
      ]),
    },
  ],
};

function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  return Uint8Array.from([...chunks].flatMap((chunk) => [...chunk]));
}

/** The bytes in chunks of `length`. */
async function* cut(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += length) {
    yield bytes.subarray(start, start + length);
  }
}

/** What is read, and all of the inner state. */
async function read(
  bytes: Uint8Array,
  length = 5,
): Promise<{ readonly view: SessionsView; readonly inner: number[] }> {
  const chunks = cut(bytes, length);
  const found = await readSessions(chunks);
  const inner = [...found.left];
  for await (const chunk of chunks) inner.push(...chunk);
  return { view: found.view, inner };
}

test("the state in the format's description has the bytes that it says", async () => {
  const empty = { logTime: 1, sessions: [] };
  const hex = "817173740100000000000a00000000000100000000";
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  expect(joined(encodeSessions(empty))).toEqual(bytes);
  expect(await read(Uint8Array.of(...bytes, 0x68, 0x69))).toEqual({
    view: empty,
    inner: [0x68, 0x69],
  });
});

test("sessions are what they were when they are read back, wherever the chunks are cut", async () => {
  const inner = [9, 8, 7];
  const bytes = Uint8Array.of(...joined(encodeSessions(view)), ...inner);
  for (let length = 1; length <= bytes.length; length++) {
    expect(await read(bytes, length)).toEqual({ view, inner });
  }
});

test("many sessions and long results are given out in chunks of bounded length", async () => {
  const result = new Uint8Array(200_000).fill(7);
  const long = new Map([[1, { index: 1, digest: 1, commandBytes: 1, result }]]);
  const sessions = Array.from({ length: 5000 }, (_, place): SessionView => {
    const results = place === 2500 ? long : new Map();
    return { name: place + 1, usedAt: 1, ttlMs: 1, floor: 1, results };
  });
  const chunks = [...encodeSessions({ logTime: 1, sessions })];
  expect(chunks.length).toBeGreaterThan(3);
  for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(200_100);
  expect((await read(joined(chunks), 60_000)).view).toEqual({ logTime: 1, sessions });
});

test("a state that was saved before there were sessions is all the inner machine's", async () => {
  const none = { logTime: 0, sessions: [] };
  for (const inner of [[], [1], [0x81, 0x71, 0x73], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]) {
    expect(await read(Uint8Array.from(inner))).toEqual({ view: none, inner });
  }
});

test("a state that is cut short anywhere is refused", async () => {
  const bytes = joined(encodeSessions(view));
  for (let length = 4; length < bytes.length; length++) {
    await expect(read(bytes.subarray(0, length))).rejects.toThrow("malformed");
  }
});

test("a state of a later version is told from a malformed one", async () => {
  const bytes = joined(encodeSessions(view));
  bytes[4] = 2;
  await expect(read(bytes)).rejects.toThrow("unsupported_version");
});

test.each([
  ["a session twice", { logTime: 1, sessions: [0, 0].map((at) => view.sessions[at]) }],
  [
    "a key that is too long",
    { logTime: 1, sessions: [{ ...view.sessions[0], name: "k".repeat(65) }] },
  ],
])("%s is refused", async (_, flawed) => {
  const bytes = joined(encodeSessions(flawed as SessionsView));
  await expect(read(bytes)).rejects.toThrow("malformed");
});

test("bytes after the last session are refused, and so is a number that is there twice", async () => {
  const one = view.sessions.slice(1);
  const longer = joined(encodeSessions({ logTime: 1, sessions: one }));
  // The table says that there is no session, and goes on.
  longer.set([0, 0, 0, 0], 17);
  await expect(read(longer)).rejects.toThrow("bytes follow");
  const twice = joined(encodeSessions({ logTime: 1, sessions: one }));
  const second = twice.length - 24;
  twice.set([0, 0, 0, 0, 0, 1], second);
  await expect(read(twice)).rejects.toThrow("the number 1 twice");
});
