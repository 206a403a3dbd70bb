import { parentPort, workerData } from "node:worker_threads";
import { RecordedNode } from "@quorate/runtime";
import { CoreGroup } from "./core-group.ts";
import { coreRate } from "./core-throughput.ts";

/** What a worker is to measure. */
export interface RecorderLoad {
  /** How much each node keeps of what it is told, in bytes; 0: nothing. */
  readonly recorderBytes: number;
  readonly count: number;
  readonly perReady: number;
}

/**
 * Measures in a thread of its own, since nodes of two classes in one would keep the compiler from doing its
 * best for either.
 */
function measure({ recorderBytes, count, perReady }: RecorderLoad): number {
  const newGroup = (): CoreGroup =>
    recorderBytes === 0
      ? new CoreGroup(3)
      : new CoreGroup(
          3,
          undefined,
          (id, ids, options) => new RecordedNode(id, ids, options, recorderBytes),
        );
  // The first round warms the compiler up.
  coreRate(newGroup(), count, perReady, 16);
  return coreRate(newGroup(), count, perReady, 16);
}

const port = parentPort;
if (port !== null) {
  // eslint-disable-next-line typescript/no-unsafe-type-assertion -- Only the bench starts workers.
  const rate = measure(workerData as RecorderLoad);
  const answer = (message: number): void => port.postMessage(message);
  answer(rate);
}
