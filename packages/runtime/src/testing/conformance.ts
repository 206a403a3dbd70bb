/** Names one case of a conformance suite and runs it: the `test` of whatever runner is used. */
export type TestFunction = (name: string, run: () => Promise<void>) => void;

/** Waits until `condition` holds, however the runner makes time pass; fails if it takes too long. */
export type Until = (condition: () => boolean) => Promise<void>;
