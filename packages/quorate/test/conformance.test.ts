import { at, type NodeId } from "@quorate/core";
import {
  clockConformance,
  networkConformance,
  type NetworkHarness,
  randomConformance,
} from "@quorate/runtime/testing";
import { test } from "vitest";
import { NodeClock } from "../src/node-clock.ts";
import { NodeRandom } from "../src/node-random.ts";
import { TcpNetwork } from "../src/tcp-network.ts";
import type { PeerTlsOptions } from "../src/peer-tls.ts";
import { Authority } from "./certificates.ts";
import { until } from "./processes.ts";
import { freeAddresses } from "./tcp-nodes.ts";

const waitUntil = (condition: () => boolean): Promise<void> => until("it holds", condition);

clockConformance(test, () => ({ clock: new NodeClock(), until: waitUntil }));

randomConformance(test, () => new NodeRandom());

networkConformance(test, () => harness(() => undefined));

const authority = await Authority.create();
const certified = await Promise.all([1, 2, 3, 4, 5].map((id) => authority.node(id)));

networkConformance(
  (name, run) => test(`over TLS, ${name}`, run),
  () => harness((id) => ({ ca: authority.ca, ...at(certified, id - 1) })),
);

async function harness(tlsOf: (id: NodeId) => PeerTlsOptions | undefined): Promise<NetworkHarness> {
  const addresses = await freeAddresses(3);
  return {
    network: (id) =>
      new TcpNetwork({
        id,
        clusterId: "test",
        tls: tlsOf(id),
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
}
