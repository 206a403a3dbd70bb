import type { NodeId } from "@quorate/core";
import { expect, test } from "vitest";
import { EarlyNetwork } from "./early-network.ts";
import { newsCountMax } from "./member-recorder.ts";
import type { Receiver } from "./ports.ts";
import { LoopbackHub, ManualClock } from "./testing.ts";

const deaf: Receiver = {
  onFrame: () => {},
  onConnected: () => {},
  onDisconnected: () => {},
  onRemoved: () => {},
  onPeerSeen: () => {},
};

test("EarlyNetwork remembers the newest who were seen, however many strangers come", async () => {
  const clock = new ManualClock();
  const hub = new LoopbackHub(clock);
  const network = new EarlyNetwork(hub.network(1), deaf);
  network.setPeers([{ id: 2, address: "", incarnation: undefined }]);
  await network.begin(new Uint8Array(16));
  const come = async (id: NodeId): Promise<void> => {
    const other = hub.network(id);
    await other.open(deaf);
    while (clock.hasDeferred) clock.runDeferred();
    await other.close();
  };
  for (let id = 100; id < 100 + 3 * newsCountMax; id++) await come(id);
  await come(2);
  const seen: NodeId[] = [];
  await network.open({ ...deaf, onPeerSeen: ({ id }) => seen.push(id) });
  expect(seen).toHaveLength(newsCountMax);
  expect(seen.slice(-2)).toEqual([99 + 3 * newsCountMax, 2]);
  await network.close();
});
