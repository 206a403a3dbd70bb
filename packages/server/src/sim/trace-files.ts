import { JsonTrace, type Observer, TlaTrace } from "@quorate/sim";
import type { RaftOptions } from "quorate";
import { LineFile } from "./line-file.ts";

/** Where traces go. */
export interface TracePaths {
  /** For one line of JSON per event. */
  readonly trace?: string | undefined;
  /** For a trace that TLC can check. */
  readonly tla?: string | undefined;
}

/** The files that a run is traced into. */
export class TraceFiles {
  readonly #trace: LineFile | undefined;
  readonly #tla: LineFile | undefined;
  #tlaTrace: TlaTrace | undefined;

  /** Makes the files. Throws a usage error if it cannot. */
  constructor({ trace, tla }: TracePaths) {
    this.#trace = trace === undefined ? undefined : new LineFile(trace);
    this.#tla = tla === undefined ? undefined : new LineFile(tla);
  }

  /** Options that the run must have. */
  get raft(): RaftOptions {
    return this.#tla === undefined ? {} : { preVote: false };
  }

  /** Those who write the files, for a run whose nodes have these options. */
  observers(raft: RaftOptions): readonly Observer[] {
    const observers: Observer[] = [];
    const trace = this.#trace;
    if (trace !== undefined) observers.push(new JsonTrace((line) => trace.write(line)));
    const tla = this.#tla;
    if (tla !== undefined) {
      this.#tlaTrace = new TlaTrace({ raft, write: (line) => tla.write(line) });
      observers.push(this.#tlaTrace);
    }
    return observers;
  }

  /** Finishes the files, however the run ended. */
  close(): void {
    this.#tlaTrace?.finish();
    this.#tla?.close();
    this.#trace?.close();
  }
}
