import type { Disk, DiskFile } from "@quorate/runtime";
import type { DiskFault, DiskOperation, MemoryDisk } from "@quorate/wal/testing";
import type { Life, Microseconds, Timeline } from "./timeline.ts";

/** What a call asks of a disk: to look, or to change something. */
export type DiskCall = DiskOperation["kind"] | "list" | "open" | "size" | "read" | "close";

/** Every call there is. */
export const diskCalls: readonly DiskCall[] = [
  "list",
  "open",
  "size",
  "read",
  "close",
  "create",
  "write",
  "truncate",
  "sync",
  "rename",
  "remove",
  "sync-directory",
];

/** The calls that change something, or make it durable: those that a trap can wait for. */
export const changingCalls: ReadonlySet<DiskCall> = new Set([
  "create",
  "write",
  "truncate",
  "sync",
  "rename",
  "remove",
  "sync-directory",
]);

/** Whether a call waits for the disk itself. */
export function isSlowCall(call: DiskCall): boolean {
  return call === "write" || call === "sync" || call === "sync-directory";
}

/** What a world decides about the disk of one process. */
export interface DiskHost {
  /** How long call `number` of this process takes. */
  latency(call: DiskCall, number: number): Microseconds;
  /**
   * A call is about to take effect. What it returns befalls it; if the process is over when it returns,
   * nothing happens any more.
   */
  before(call: DiskCall, name: string): DiskFault | undefined;
  /** A call took effect, and is not reported yet. */
  after(call: DiskCall, name: string): void;
}

/** A call under way. */
interface InFlight {
  readonly call: DiskCall;
  readonly take: () => Promise<unknown>;
}

/**
 * The disk of one process: every call takes time, takes effect when that is over, and is reported then.
 * A process that ends meanwhile hears nothing; its calls may have taken effect or not.
 */
export class TimedDisk implements Disk {
  readonly #memory: MemoryDisk;
  readonly #timeline: Timeline;
  readonly #life: Life;
  readonly #host: DiskHost;
  readonly #inFlight = new Set<InFlight>();
  #madeCount = 0;
  #openCount = 0;

  constructor(memory: MemoryDisk, timeline: Timeline, life: Life, host: DiskHost) {
    this.#memory = memory;
    this.#timeline = timeline;
    this.#life = life;
    this.#host = host;
  }

  /** How many calls are under way. */
  get callCount(): number {
    return this.#inFlight.size;
  }

  /** How many files are open. */
  get openCount(): number {
    return this.#openCount;
  }

  /** Lets each call that is under way take effect, or not. For the moment of a crash. */
  finish(takesEffect: (call: DiskCall) => boolean): void {
    const inFlight = [...this.#inFlight];
    this.#inFlight.clear();
    for (const { call, take } of inFlight) {
      // What it would report, nobody hears.
      if (takesEffect(call)) take().catch(() => {});
    }
  }

  list(): Promise<readonly string[]> {
    return this.#call("list", "", () => this.#memory.list());
  }

  async create(name: string): Promise<DiskFile> {
    return this.#file(name, await this.#call("create", name, () => this.#memory.create(name)));
  }

  async open(name: string): Promise<DiskFile> {
    return this.#file(name, await this.#call("open", name, () => this.#memory.open(name)));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call("rename", from, () => this.#memory.rename(from, to));
  }

  remove(name: string): Promise<void> {
    return this.#call("remove", name, () => this.#memory.remove(name));
  }

  syncDirectory(): Promise<void> {
    return this.#call("sync-directory", "", () => this.#memory.syncDirectory());
  }

  #file(name: string, file: DiskFile): DiskFile {
    this.#openCount += 1;
    // The caller may use its buffer again as soon as the promise settles, and not before.
    const write: DiskFile["write"] = (offset, chunks) =>
      this.#call("write", name, () => file.write(offset, chunks));
    const sync = (): Promise<void> => this.#call("sync", name, () => file.sync());
    return {
      size: () => this.#call("size", name, () => file.size()),
      read: (offset, length) => this.#call("read", name, () => file.read(offset, length)),
      write,
      sync,
      // In two steps, so that a crash may come between them.
      writeSynced: async (offset, chunks) => {
        await write(offset, chunks);
        await sync();
      },
      truncate: (size) => this.#call("truncate", name, () => file.truncate(size)),
      close: () => {
        this.#openCount -= 1;
        return this.#call("close", name, () => file.close());
      },
    };
  }

  #call<T>(call: DiskCall, name: string, take: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const inFlight = { call, take };
      this.#inFlight.add(inFlight);
      const latency = this.#host.latency(call, ++this.#madeCount);
      const complete = (): void => {
        this.#inFlight.delete(inFlight);
        const fault = this.#host.before(call, name);
        if (!this.#life.isAlive) return;
        this.#memory.intercept = () => fault;
        const taken = take();
        this.#memory.intercept = undefined;
        this.#host.after(call, name);
        if (this.#life.isAlive) taken.then(resolve, reject);
        else taken.catch(() => {});
      };
      this.#timeline.add(latency, "disk", complete, this.#life);
    });
  }
}
