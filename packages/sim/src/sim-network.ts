import type { Message, NodeId } from "@quorate/core";

/** What a story does with a message: lets it go on, loses it, or keeps it until it is released. */
export type Verdict = "pass" | "drop" | "hold";

/** The links between nodes, each in one direction, and what is kept back. Delays are the world's. */
export class SimNetwork {
  readonly #cut = new Set<number>();
  /** The newest packet that each link delivered, to see when an older one comes late. */
  readonly #delivered = new Map<number, number>();
  readonly #clogged = new Set<number>();
  #held: Message[] = [];
  /** What a story decides about each message. */
  filter: (message: Message) => Verdict = () => "pass";

  /** Cuts the way from one node to another; the way back stays. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(link(from, to));
  }

  /** Cuts every way between the nodes of different groups, in both directions. */
  partition(groups: readonly (readonly NodeId[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** Mends all links that are cut. */
  heal(): void {
    this.#cut.clear();
  }

  isCut(from: NodeId, to: NodeId): boolean {
    return this.#cut.size > 0 && this.#cut.has(link(from, to));
  }

  /** Whether any link is cut. */
  get isPartitioned(): boolean {
    return this.#cut.size > 0;
  }

  /** Lets everything that is sent from one node to another wait on its way, until it is unclogged. */
  clog(from: NodeId, to: NodeId): void {
    this.#clogged.add(link(from, to));
  }

  isClogged(from: NodeId, to: NodeId): boolean {
    return this.#clogged.size > 0 && this.#clogged.has(link(from, to));
  }

  /** Frees a link and gives back what waited there, in the order in which it was sent. */
  unclog(from: NodeId, to: NodeId): readonly Message[] {
    this.#clogged.delete(link(from, to));
    const isStuck = (message: Message): boolean => message.from === from && message.to === to;
    const stuck = this.#held.filter(isStuck);
    this.#held = this.#held.filter((message) => !isStuck(message));
    return stuck;
  }

  hold(message: Message): void {
    this.#held.push(message);
  }

  /** Gives back all that was held, in the order in which it was sent. */
  release(): readonly Message[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  /** Takes note that packet `order` arrived, and says whether a newer one came before it. */
  isLate(message: Message, order: number): boolean {
    const key = link(message.from, message.to);
    const newest = this.#delivered.get(key) ?? -1;
    if (order > newest) this.#delivered.set(key, order);
    return order < newest;
  }
}

function link(from: NodeId, to: NodeId): number {
  return from * 1024 + to;
}
