import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const exec = promisify(execFile);

/**
 * A file system of its own and of a given size, in memory, for the processes of one test. Needs no rights:
 * it is mounted in a namespace of mounts that one process holds, and is gone with it. A command finds it if
 * it is run `within`.
 */
export class SmallDisk {
  /** Where it is mounted, as those see it who have entered. */
  readonly path: string;
  readonly #holder: ChildProcess;

  private constructor(path: string, holder: ChildProcess) {
    this.path = path;
    this.#holder = holder;
  }

  /** Mounts one with room for `bytes`, for the test that runs. Throws if this system lets nobody do that. */
  static async mount(bytes: number): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), "q-disk-"));
    const script = `mount -t tmpfs -o size=${bytes} tmpfs ${path} && echo mounted && exec sleep infinity`;
    const holder = spawn("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    onTestFinished(async () => {
      holder.kill("SIGKILL");
      await rm(path, { recursive: true, force: true });
    });
    await new Promise<void>((resolve, reject) => {
      let said = "";
      const refuse = (why: string): void =>
        reject(new Error(`this test needs a small disk, and none can be mounted: ${why}`));
      holder.stdout.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("mounted")) resolve();
      });
      holder.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
      holder.once("error", (error) => refuse(error.message));
      holder.once("close", () => refuse(said));
    });
    return new SmallDisk(path, holder);
  }

  /** The words before those of a command that is to find it. */
  get within(): readonly string[] {
    const { pid } = this.#holder;
    return ["nsenter", `--target=${pid}`, "--user", "--mount", "--preserve-credentials"];
  }

  /** Takes all the room that is left but for `leftBytes`, as somebody else's files do. */
  async fill(leftBytes = 0): Promise<void> {
    const { bavail, bsize } = await statfs(this.#outside("."));
    await writeFile(
      this.#outside("ballast"),
      new Uint8Array(Math.max(0, bavail * bsize - leftBytes)),
    );
  }

  /** Gives it back. */
  async free(): Promise<void> {
    await rm(this.#outside("ballast"));
  }

  /** Makes the disk larger. */
  async enlarge(bytes: number): Promise<void> {
    const [command = "", ...words] = this.within;
    await exec(command, [...words, "mount", "-o", `remount,size=${bytes}`, this.path]);
  }

  /** A file on the disk as seen from here. */
  #outside(name: string): string {
    return join(`/proc/${this.#holder.pid}/root`, this.path, name);
  }
}
