import { assert, at } from "@quorate/core";

/** How a call ended, as its client knows. */
export type CallEnd<Output> =
  /** It took effect, with this result, at some time between its call and `order`. */
  | { readonly kind: "ok"; readonly output: Output; readonly order: number }
  /** It never took effect and never will. */
  | { readonly kind: "fail"; readonly order: number }
  /** It may have taken effect at any time after its call, may yet, or never will. */
  | { readonly kind: "unknown" };

/**
 * One call of a client. Orders number the calls and the ends of a history, in real time, from 0 on:
 * no two are equal, and only which is less counts.
 */
export interface Operation<Input, Output> {
  /** Its place among the operations of the history, in the order of their calls, from 0 on. */
  readonly id: number;
  readonly client: number;
  /** The object that it concerns: objects do not influence one another. */
  readonly key: string;
  readonly input: Input;
  /** When it was called. */
  readonly order: number;
  readonly end: CallEnd<Output>;
}

/** What clients did to a service and what they were told, in the order of the calls. */
export type History<Input, Output> = readonly Operation<Input, Output>[];

/** Writes down what clients do while they do it. */
export class HistoryRecorder<Input, Output> {
  readonly #operations: Operation<Input, Output>[] = [];
  readonly #isOpen: boolean[] = [];
  #order = 0;

  /** How many calls and ends were recorded: the order of the next. */
  get eventCount(): number {
    return this.#order;
  }

  /** `client` calls. Returns the id of the operation. A client may have several under way. */
  invoke(client: number, key: string, input: Input): number {
    const id = this.#operations.length;
    const order = this.#nextOrder();
    this.#operations.push({ id, client, key, input, order, end: { kind: "unknown" } });
    this.#isOpen.push(true);
    return id;
  }

  /** The operation took effect and gave `output`. */
  ok(id: number, output: Output): void {
    this.#end(id, { kind: "ok", output, order: this.#nextOrder() });
  }

  /** The operation certainly had no effect. */
  fail(id: number): void {
    this.#end(id, { kind: "fail", order: this.#nextOrder() });
  }

  /** The client stopped waiting: nobody knows. An operation that never ends means the same. */
  unknown(id: number): void {
    this.#nextOrder();
    this.#end(id, { kind: "unknown" });
  }

  /** What happened so far; operations under way are of unknown outcome. */
  history(): History<Input, Output> {
    return [...this.#operations];
  }

  #nextOrder(): number {
    this.#order += 1;
    return this.#order - 1;
  }

  #end(id: number, end: CallEnd<Output>): void {
    assert(this.#isOpen[id] === true, "an operation ends once, after its call");
    this.#isOpen[id] = false;
    this.#operations[id] = { ...at(this.#operations, id), end };
  }
}
