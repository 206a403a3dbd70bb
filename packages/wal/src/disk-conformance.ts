import { RaftError } from "@quorate/core";
import type { Disk, DiskFile } from "./disk.ts";

/** What the suite needs of a test runner, so that it belongs to none. */
export interface ConformanceTools {
  /** Registers one test. */
  readonly test: (name: string, body: () => Promise<void>) => void;
  /** Fails the test, saying `claim`, unless both are the same by value: text, numbers, arrays of them. */
  readonly equal: (actual: unknown, expected: unknown, claim: string) => void;
  /** Gives the same disk as the next process sees it, if the implementation can tell the two apart. */
  readonly reopen?: (disk: Disk) => Promise<Disk>;
}

/**
 * Registers the tests that every `Disk` must pass. `createDisk` makes a new empty one for each test.
 * What a crash does to unsynced bytes is beyond them: no test can cut the power of a real disk.
 */
export function diskConformance(createDisk: () => Promise<Disk>, tools: ConformanceTools): void {
  const suite = new Suite(createDisk, tools);
  suite.names();
  suite.contents();
  suite.lengths();
  suite.refusals();
  suite.persistence();
}

class Suite {
  readonly #createDisk: () => Promise<Disk>;
  readonly #tools: ConformanceTools;

  constructor(createDisk: () => Promise<Disk>, tools: ConformanceTools) {
    this.#createDisk = createDisk;
    this.#tools = tools;
  }

  names(): void {
    this.#test("Disk starts empty", async (disk) => {
      this.#equal(await disk.list(), [], "no names");
    });

    this.#test("Disk lists what is created, until it is removed", async (disk) => {
      await put(disk, "b", [1]);
      await put(disk, "a", []);
      this.#equal((await disk.list()).toSorted(), ["a", "b"], "both names");
      await disk.remove("b");
      await disk.syncDirectory();
      this.#equal(await disk.list(), ["a"], "the name that is left");
    });

    this.#test("Disk.rename moves a file to a new name", async (disk) => {
      await put(disk, "a", [1, 2]);
      await disk.rename("a", "b");
      await disk.syncDirectory();
      this.#equal(await disk.list(), ["b"], "the new name alone");
      this.#equal(await get(disk, "b"), [1, 2], "the bytes as they were");
    });

    this.#test("Disk.rename replaces a file that has the name", async (disk) => {
      await put(disk, "a", [1]);
      await put(disk, "b", [2, 2]);
      await disk.rename("a", "b");
      this.#equal(await disk.list(), ["b"], "one name");
      this.#equal(await get(disk, "b"), [1], "the bytes of the renamed file");
    });

    this.#test("DiskFile stays usable when its file is renamed", async (disk) => {
      const file = await disk.create("a");
      await file.write(0, [Uint8Array.of(1)]);
      await file.sync();
      await disk.rename("a", "b");
      await disk.syncDirectory();
      await file.write(1, [Uint8Array.of(2)]);
      await file.sync();
      await file.close();
      this.#equal(await get(disk, "b"), [1, 2], "what was written before and after");
    });

    this.#test("Disk takes a removed name again", async (disk) => {
      await put(disk, "a", [1, 2, 3]);
      await disk.remove("a");
      await put(disk, "a", [4]);
      this.#equal(await get(disk, "a"), [4], "the new bytes alone");
    });
  }

  contents(): void {
    this.#testFile("DiskFile starts empty", async (file) => {
      this.#equal(await file.size(), 0, "the size");
      this.#equal([...(await file.read(0, 10))], [], "the bytes");
    });

    this.#testFile("DiskFile.write puts chunks one after the other", async (file) => {
      await file.write(0, [
        Uint8Array.of(1, 2),
        Uint8Array.of(),
        Uint8Array.of(3),
        Uint8Array.of(4, 5),
      ]);
      this.#equal(await file.size(), 5, "the size");
      this.#equal([...(await file.read(0, 5))], [1, 2, 3, 4, 5], "the bytes");
    });

    this.#testFile("DiskFile.write takes very many chunks", async (file) => {
      const chunks = Array.from({ length: 5000 }, (_, i) => Uint8Array.of(i & 255, (i >> 8) & 255));
      await file.write(0, chunks);
      this.#equal(await file.size(), 10_000, "the size");
      this.#equal([...(await file.read(9_998, 2))], [4999 & 255, 4999 >> 8], "the last chunk");
    });

    this.#testFile(
      "DiskFile.write takes parts of larger buffers, and leaves them alone",
      async (file) => {
        const buffer = Uint8Array.of(9, 1, 2, 9);
        await file.write(0, [buffer.subarray(1, 3)]);
        buffer.fill(7);
        this.#equal([...(await file.read(0, 10))], [1, 2], "the part as it was");
      },
    );

    this.#testFile("DiskFile.write replaces what is there", async (file) => {
      await file.write(0, [Uint8Array.of(1, 2, 3, 4)]);
      await file.write(1, [Uint8Array.of(8, 9)]);
      this.#equal([...(await file.read(0, 10))], [1, 8, 9, 4], "the bytes");
    });

    this.#testFile("DiskFile.write beyond the end leaves zeros between", async (file) => {
      await file.write(3, [Uint8Array.of(1)]);
      this.#equal([...(await file.read(0, 10))], [0, 0, 0, 1], "the bytes");
    });
  }

  lengths(): void {
    this.#testFile("DiskFile.read gives fewer bytes only where the file ends", async (file) => {
      await file.write(0, [new Uint8Array(100_000).fill(5)]);
      this.#equal((await file.read(0, 100_000)).length, 100_000, "all");
      this.#equal((await file.read(99_990, 100)).length, 10, "the rest");
      this.#equal((await file.read(100_000, 1)).length, 0, "at the end");
      this.#equal((await file.read(200_000, 1)).length, 0, "beyond the end");
    });

    this.#testFile("DiskFile.read gives bytes that belong to the caller", async (file) => {
      await file.write(0, [Uint8Array.of(1, 2)]);
      const bytes = await file.read(0, 2);
      bytes.fill(7);
      const before = await file.read(0, 2);
      await file.write(0, [Uint8Array.of(3, 4)]);
      this.#equal(
        [...before],
        [1, 2],
        "neither the caller nor a later write changes what was read",
      );
    });

    this.#testFile("DiskFile.truncate cuts, and what is cut does not come back", async (file) => {
      await file.write(0, [Uint8Array.of(1, 2, 3, 4)]);
      await file.truncate(2);
      await file.sync();
      this.#equal(await file.size(), 2, "the size");
      await file.write(3, [Uint8Array.of(9)]);
      this.#equal([...(await file.read(0, 10))], [1, 2, 0, 9], "the bytes");
    });
  }

  refusals(): void {
    this.#test("Disk.create refuses a name that is taken", async (disk) => {
      await put(disk, "a", [1]);
      this.#equal(await codeOf(disk.create("a")), "storage_failed", "the code");
      this.#equal(await get(disk, "a"), [1], "the file as it was");
    });

    this.#test("Disk refuses a name that is not there", async (disk) => {
      this.#equal(await codeOf(disk.open("a")), "storage_failed", "open");
      this.#equal(await codeOf(disk.remove("a")), "storage_failed", "remove");
      this.#equal(await codeOf(disk.rename("a", "b")), "storage_failed", "rename");
      this.#equal(await disk.list(), [], "no names");
    });
  }

  persistence(): void {
    this.#test("Disk keeps what was synced for who opens it next", async (disk) => {
      await put(disk, "a", [1, 2, 3]);
      await disk.rename("a", "b");
      await disk.syncDirectory();
      const next = (await this.#tools.reopen?.(disk)) ?? disk;
      this.#equal(await next.list(), ["b"], "the names");
      this.#equal(await get(next, "b"), [1, 2, 3], "the bytes");
    });

    this.#test("DiskFile.writeSynced keeps what it writes, also under a new name", async (disk) => {
      const file = await disk.create("a");
      await file.write(0, [Uint8Array.of(1, 2, 3, 4)]);
      await file.sync();
      await disk.rename("a", "b");
      await disk.syncDirectory();
      await file.writeSynced(1, [Uint8Array.of(8), Uint8Array.of(9)]);
      await file.writeSynced(4, [new Uint8Array(100_000).fill(5)]);
      await file.close();
      const next = (await this.#tools.reopen?.(disk)) ?? disk;
      const bytes = await get(next, "b");
      this.#equal(bytes.slice(0, 5), [1, 8, 9, 4, 5], "the first bytes");
      this.#equal(bytes.length, 100_004, "how many there are");
    });

    this.#test("Disk.open opens for writing, too", async (disk) => {
      await put(disk, "a", [1, 2, 3]);
      const file = await disk.open("a");
      await file.write(1, [Uint8Array.of(9)]);
      await file.sync();
      await file.close();
      this.#equal(await get(disk, "a"), [1, 9, 3], "the bytes");
    });
  }

  #test(name: string, body: (disk: Disk) => Promise<void>): void {
    this.#tools.test(name, async () => await body(await this.#createDisk()));
  }

  #testFile(name: string, body: (file: DiskFile) => Promise<void>): void {
    this.#test(name, async (disk) => {
      const file = await disk.create("file");
      await body(file);
      await file.close();
    });
  }

  #equal(actual: unknown, expected: unknown, claim: string): void {
    this.#tools.equal(actual, expected, claim);
  }
}

async function put(disk: Disk, name: string, bytes: readonly number[]): Promise<void> {
  const file = await disk.create(name);
  await file.write(0, [Uint8Array.from(bytes)]);
  await file.sync();
  await file.close();
  await disk.syncDirectory();
}

async function get(disk: Disk, name: string): Promise<readonly number[]> {
  const file = await disk.open(name);
  const bytes = await file.read(0, await file.size());
  await file.close();
  return [...bytes];
}

/** The code that a call is refused with; says so if it is not refused, or not by a coded error. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "no error";
  } catch (error) {
    return error instanceof RaftError ? error.code : "an error without a code";
  }
}
