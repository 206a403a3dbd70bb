import { setTimeout as pause } from "node:timers/promises";
import { at, type NodeId, RaftError, SeededRandom } from "@quorate/core";
import { expect, test } from "vitest";
import { until } from "./processes.ts";
import { freeAddresses, openNode, peer, textFrame, type TcpNode, texts } from "./tcp-nodes.ts";

/** How many timers, sockets and servers this process has, by their names in Node.js. */
function count(...names: readonly string[]): number {
  return process.getActiveResourcesInfo().filter((name) => names.includes(name)).length;
}

const socketCount = (): number => count("TCPSocketWrap", "TCPServerWrap", "TCPConnectWrap");

/** Nodes 1, 2 and 3, that come and go and change their minds about one another. */
class Churn {
  readonly nodes = new Map<NodeId, TcpNode>();
  readonly #addresses: readonly string[];
  readonly #random: SeededRandom;
  readonly #moved = new Map<NodeId, string>();

  constructor(addresses: readonly string[], seed: number) {
    this.#addresses = addresses;
    this.#random = new SeededRandom(seed);
  }

  address(id: NodeId): string {
    return this.#moved.get(id) ?? at(this.#addresses, id - 1);
  }

  async step(): Promise<void> {
    const id = 1 + this.#draw(3);
    const node = this.nodes.get(id);
    const kind = this.#draw(8);
    if (node === undefined) await this.open(id);
    else if (kind === 0) {
      this.nodes.delete(id);
      const closing = node.network.close();
      if (this.#draw(2) === 0) await closing;
      // Its port may be taken until it is closed, so it moves meanwhile.
      else this.#moved.set(id, at(this.#addresses, 3 + this.#draw(this.#addresses.length - 3)));
    } else if (kind <= 4) {
      node.network.setPeers(
        [1, 2, 3].filter(() => this.#draw(3) > 0).map((other) => this.#peer(other)),
      );
    } else if (kind === 5) node.network.setRemoved([1, 2, 3].filter(() => this.#draw(6) === 0));
    else {
      const frame = textFrame("x".repeat(this.#draw(100_000)));
      for (const to of [1, 2, 3]) node.network.send(to, frame);
    }
    if (this.#draw(2) === 0) await pause(this.#draw(8));
  }

  /** Opens node `id`, elsewhere if its port is taken. */
  async open(id: NodeId): Promise<void> {
    try {
      const node = await openNode(id, {
        listen: this.address(id),
        lingerMs: [0, 5, 60_000][this.#draw(3)],
      });
      this.nodes.set(id, node);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#moved.set(id, at(this.#addresses, 3 + this.#draw(this.#addresses.length - 3)));
    }
  }

  #peer(id: NodeId): ReturnType<typeof peer> {
    return this.#draw(4) === 0 ? peer(id) : peer(id, this.address(id), new Uint8Array(16));
  }

  #draw(count: number): number {
    return this.#random.below(count);
  }
}

for (let seed = 1; seed <= 6; seed++) {
  test(`nodes that agree connect, whatever they thought before, seed ${seed}`, async () => {
    const [timersBefore, socketsBefore] = [count("Timeout"), socketCount()];
    const churn = new Churn(await freeAddresses(12), seed);
    for (let step = 0; step < 150; step++) await churn.step();
    for (const id of [1, 2, 3]) {
      while (!churn.nodes.has(id)) await churn.open(id);
    }
    const nodes = [...churn.nodes.values()];
    for (const { network } of nodes) {
      network.setRemoved([]);
      network.setPeers([1, 2, 3].map((id) => peer(id, churn.address(id), new Uint8Array(16))));
    }
    for (const from of nodes) {
      for (const to of nodes.filter((node) => node !== from)) {
        const text = `${from.id} to ${to.id}`;
        await until(`${text} arrives`, () => {
          from.network.send(to.id, textFrame(text));
          return texts(to).includes(text);
        });
      }
    }
    await Promise.all(nodes.map(({ network }) => network.close()));
    // A timer that was forgotten would fire in the end, so there is no waiting for it.
    expect(count("Timeout")).toBeLessThanOrEqual(timersBefore);
    await until("no socket is left", () => socketCount() <= socketsBefore);
  });
}
