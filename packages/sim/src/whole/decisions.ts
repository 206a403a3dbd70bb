import type { FrameFate, Link } from "./frame-network.ts";
import type { Decision, Happening } from "./decision.ts";
import type { Microseconds } from "./timeline.ts";

/**
 * The one place through which a run becomes other than calm. Recording, it keeps every decision that is
 * made; replaying, it makes those of a list and no other, however the run goes.
 */
export class Decisions {
  /** All decisions so far, or all that are to be replayed. */
  readonly list: readonly Decision[];
  readonly #made: Decision[] | undefined;
  readonly #fates = new Map<string, FrameFate>();
  #isCalm = false;

  /** Replays `script` if there is one, and records otherwise. */
  constructor(script?: readonly Decision[]) {
    if (script === undefined) {
      this.#made = [];
      this.list = this.#made;
      return;
    }
    this.list = script;
    for (const decision of script) {
      if (decision.kind !== "frame") continue;
      this.#fates.set(nameOf(decision.link, decision.number), decision.fate);
    }
  }

  /** Whether this makes decisions of its own. */
  get isRecording(): boolean {
    return this.#made !== undefined;
  }

  /** Keeps what was decided to happen now. Only while recording. */
  record(at: Microseconds, what: Happening): void {
    this.#made?.push({ kind: "at", at, what });
  }

  /** What befalls a frame: what the list says, or what `draw` decides. */
  fate(link: Link, number: number, draw: () => FrameFate | undefined): FrameFate | undefined {
    if (this.#isCalm) return undefined;
    if (this.#made === undefined) {
      return this.#fates.size === 0 ? undefined : this.#fates.get(nameOf(link, number));
    }
    const fate = draw();
    if (fate !== undefined) {
      const { from, to } = link;
      this.#made.push({ kind: "frame", link: { from, to }, number, fate });
    }
    return fate;
  }

  /** Decides nothing any more. */
  end(): void {
    this.#isCalm = true;
  }
}

function nameOf({ from, to }: Link, number: number): string {
  return `${from}>${to} ${number}`;
}
