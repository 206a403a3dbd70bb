import {
  encodeFrame,
  encodeHello,
  frameTypes,
  isOfHandshake,
  protocolVersion,
} from "@quorate/wire";
import { Attack, type Way } from "./attacker.ts";
import { type Draw, mutate, noise, pick } from "./mutation.ts";
import { join } from "./target.ts";
import { frames, payloads, raftPayloads } from "./wire-samples.ts";

/** What may follow a handshake. */
const laterTypes = frameTypes.filter((type) => !isOfHandshake(type));

/** How many frames one connection sends at a time. */
const frameCount = 2000;

/** Attacks the port for peers once. Resolves with how many inputs that were. */
export async function attackPeerPort(draw: Draw, way: Way, from: number): Promise<number> {
  const attack = await Attack.open(way);
  try {
    switch (draw(6)) {
      case 0:
        await attack.send(noise(draw, draw(2048)));
        return 1;
      case 1:
        await attack.send(mutate(draw, frames));
        return 1;
      case 2:
        return await afterHello(draw, attack, from, () => mutate(draw, frames), 1);
      default:
        return await afterHello(draw, attack, from, () => hostileFrame(draw, from), frameCount);
    }
  } finally {
    attack.close(draw(2) === 0);
  }
}

/** A whole frame, whose checksums are right and whose payload is anything. */
function hostileFrame(draw: Draw, from: number): Uint8Array {
  const isRaft = draw(2) === 0;
  const type = isRaft ? "raft" : pick(draw, laterTypes);
  const valid = isRaft ? samplesOf(from) : payloads[type];
  return join(encodeFrame(type, [mutate(draw, valid)]));
}

const samples = new Map<number, readonly Uint8Array[]>();

function samplesOf(from: number): readonly Uint8Array[] {
  const known = samples.get(from) ?? raftPayloads(from);
  samples.set(from, known);
  return known;
}

/** Comes in, and sends `count` inputs: they are counted if the node took them all. */
async function afterHello(
  draw: Draw,
  attack: Attack,
  from: number,
  next: () => Uint8Array,
  count: number,
): Promise<number> {
  await attack.send(helloBytes(draw, from));
  await attack.until(() => attack.received.length > 0);
  if (!attack.received.startsWith(welcomeStart)) return 1;
  const inputs = Array.from({ length: count }, next);
  await attack.send(join(inputs));
  // The node says from time to time that it is there: after what was sent it has read it.
  const { length } = attack.received;
  await attack.until(() => attack.received.length > length);
  return attack.isOver ? 1 : count;
}

/** How the answer begins that lets a peer in. */
const welcomeStart = Buffer.from(join(encodeFrame("welcome", []))).toString("latin1", 0, 4);

function helloBytes(draw: Draw, from: number): Uint8Array {
  const hello = {
    protocolVersion,
    clusterId: "default",
    from,
    to: 1,
    incarnation: new Uint8Array(16).fill(from),
    address: draw(4) === 0 ? "127.0.0.1:1" : undefined,
  };
  return join(encodeFrame("hello", encodeHello(hello)));
}
