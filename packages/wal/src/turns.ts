/** Lets calls run one after the other, in the order in which they were made, whether they fail or not. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Runs `call` once all before it have settled. */
  take<T>(call: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(call);
    this.#last = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}
