import { TcpNetwork } from "quorate";
import { observe } from "./observe.ts";

/**
 * Counts the frames that the replicas of this process send to others. What connections say by themselves,
 * when they begin and four times a second, is not among them.
 */
export class FrameMeter {
  /** Frames sent so far. */
  frames = 0;
  readonly #restore: () => void;

  /** Begins to count. */
  constructor() {
    this.#restore = observe(TcpNetwork.prototype, "send", ({ result }) => {
      if (result === true) this.frames += 1;
    });
  }

  /** Ends the count, and leaves everything as it was. */
  stop(): void {
    this.#restore();
  }
}
