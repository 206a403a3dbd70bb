import { type Message, RaftNode, type RaftOptions } from "@quorate/core";

/** Makes a node of a group. */
export type NewNode = (id: number, ids: readonly number[], options: RaftOptions) => RaftNode;

/** A group of nodes in one thread, with memory for disks and an array for a network. */
export class CoreGroup {
  readonly nodes: Map<number, RaftNode> = new Map();
  /** How many messages were delivered. */
  messageCount = 0;
  #network: Message[] = [];

  constructor(
    size: number,
    options: (id: number) => RaftOptions = () => ({}),
    newNode: NewNode = (id, ids, each) => new RaftNode(id, ids, each),
  ) {
    const ids = Array.from({ length: size }, (_, offset) => offset + 1);
    for (const id of ids) this.nodes.set(id, newNode(id, ids, options(id)));
  }

  /** Lets every node do all that is due, once, and puts what they say on the network. */
  perform(): boolean {
    let any = false;
    for (const node of this.nodes.values()) {
      while (node.hasReady) {
        const ready = node.ready();
        for (const message of ready.messages) this.#network.push(message);
        for (const message of ready.messagesAfterPersist) this.#network.push(message);
        node.advance(ready);
        any = true;
      }
    }
    return any;
  }

  /** Delivers what is on the network: one hop. Messages to nodes that are gone are lost. */
  deliver(): boolean {
    const messages = this.#network;
    this.#network = [];
    for (const message of messages) {
      const node = this.nodes.get(message.to);
      if (node === undefined) continue;
      this.messageCount += 1;
      node.step(message);
    }
    return messages.length > 0;
  }

  /** Performs and delivers until nothing is left to do. Returns the number of hops. */
  settle(): number {
    let hops = 0;
    for (let busy = true; busy;) {
      busy = this.perform();
      if (this.deliver()) {
        busy = true;
        hops += 1;
      }
    }
    return hops;
  }

  tick(): void {
    for (const node of this.nodes.values()) node.tick();
  }

  /** The node that leads the newest term, if one does. */
  get leader(): RaftNode | undefined {
    let leader: RaftNode | undefined;
    for (const node of this.nodes.values()) {
      if (node.role === "leader" && node.term > (leader?.term ?? 0)) leader = node;
    }
    return leader;
  }

  /** Elects node 1 and lets everyone learn of it. */
  elect(): RaftNode {
    const node = this.nodes.get(1);
    if (node === undefined) throw new Error("the group has no node 1");
    node.campaign();
    this.settle();
    if (node.role !== "leader") throw new Error("node 1 did not win a quiet election");
    return node;
  }
}
