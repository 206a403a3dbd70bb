import { clockConformance, networkConformance, randomConformance } from "@quorate/runtime/testing";
import { test } from "vitest";
import { NodeClock } from "../src/node-clock.ts";
import { NodeRandom } from "../src/node-random.ts";
import { TcpNetwork } from "../src/tcp-network.ts";
import { until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

const waitUntil = (condition: () => boolean): Promise<void> => until("it holds", condition);

clockConformance(test, () => ({ clock: new NodeClock(), until: waitUntil }));

randomConformance(test, () => new NodeRandom());

networkConformance(test, async () => {
  const addresses = await freeAddresses(3);
  return {
    network: (id) =>
      new TcpNetwork({
        id,
        clusterId: "conformance",
        listen: addresses[id - 1] ?? "",
        peers: new Map(
          addresses
            .map((address, position): [number, string] => [position + 1, address])
            .filter(([peer]) => peer !== id),
        ),
        reconnectMsMin: 5,
        reconnectMsMax: 50,
        lingerMs: 100,
      }),
    address: (id) => addresses[id - 1] ?? "",
    until: waitUntil,
    close: async () => {},
  };
});
