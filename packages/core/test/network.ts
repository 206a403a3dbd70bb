import type { Message, NodeId } from "../src/index.ts";

/** Which messages a command is about: those on one link, of one kind, or the first few. */
export interface Selection {
  readonly from: NodeId | undefined;
  readonly to: NodeId | undefined;
  /** Both ends are among these; none for any. */
  readonly among: readonly NodeId[];
  readonly kind: string | undefined;
  readonly countMax: number;
}

/** Messages on their way, in the order in which they were sent. Nothing moves by itself. */
export class Network {
  #messages: Message[] = [];
  /** Links on which everything sent is lost: `"1 2"` from node 1 to node 2. */
  readonly #cut = new Set<string>();

  get messages(): readonly Message[] {
    return this.#messages;
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (!this.#cut.has(linkOf(message.from, message.to))) this.#messages.push(message);
    }
  }

  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(linkOf(from, to));
    this.take({ from, to, among: [], kind: undefined, countMax: Number.POSITIVE_INFINITY });
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The selected messages, which stay on their way. */
  peek(selection: Selection): readonly Message[] {
    return this.#messages
      .filter((message) => selects(selection, message))
      .slice(0, selection.countMax);
  }

  /** Takes the selected messages off the network. */
  take(selection: Selection): readonly Message[] {
    const taken = new Set(this.peek(selection));
    this.#messages = this.#messages.filter((message) => !taken.has(message));
    return [...taken];
  }

  /** Sends the selected messages once more. */
  duplicate(selection: Selection): readonly Message[] {
    // Copies, since what is on its way is told apart by identity.
    const copies = this.peek(selection).map((message) => ({ ...message }));
    this.#messages.push(...copies);
    return copies;
  }
}

function selects({ from, to, among, kind }: Selection, message: Message): boolean {
  const isAmong =
    among.length === 0 || (among.includes(message.from) && among.includes(message.to));
  return (
    isAmong &&
    (from === undefined || from === message.from) &&
    (to === undefined || to === message.to) &&
    (kind === undefined || kind === message.kind)
  );
}

function linkOf(from: NodeId, to: NodeId): string {
  return `${from} ${to}`;
}
