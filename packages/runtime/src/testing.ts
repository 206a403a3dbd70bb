export type { TestFunction, Until } from "./testing/conformance.ts";
export { clockConformance, type ClockHarness } from "./testing/clock-conformance.ts";
export { networkConformance } from "./testing/network-conformance.ts";
export type { NetworkHarness } from "./testing/network-group.ts";
export { randomConformance } from "./testing/random-conformance.ts";
export { LoopbackHub, type LoopbackFrame } from "./testing/loopback-hub.ts";
export { ManualClock } from "./testing/manual-clock.ts";
export { SeededRandom } from "./testing/seeded-random.ts";
export { decodeFlight, encodeFlight } from "./flight/flight-file.ts";
export { decodeNode, encodeNode } from "./leadership-calls.ts";
export { decodeLent, decodeLoan, encodeLent, encodeLoan } from "./lending.ts";
export {
  decodeChanged,
  decodeChangeMembers,
  encodeChanged,
  encodeChangeMembers,
} from "./member-codec.ts";
export { encodeSessions, readSessions } from "./session-snapshot.ts";
