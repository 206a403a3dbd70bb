import { encodeRefusal, encodeWelcome } from "@quorate/wire";
import { parseAddress, peerName } from "quorate";
import { checkWelcome, parseLineage, parsePeerAddress, readRefusal, urisOf } from "quorate/testing";
import { join, type Target, target, textTarget } from "./target.ts";

const step = {
  ...{
    fromClusterId: "default",
    fromId: 1,
    fromIncarnation: "00",
    clusterId: "default-r1-00000000",
  },
  ...{
    id: 4,
    term: 2,
    index: 9,
    commitIndex: 8,
    reason: "two of three are lost",
    at: "2026-01-01",
  },
};
const addresses = ["10.0.0.1:7001", "[::1]:7001", "a.example:1"];
const names = `DNS:a.example, URI:${peerName("default", 1)}, IP Address:10.0.0.1, URI:"a,b"`;

/** Everything that reads what nodes say when they connect, what certificates say, and lineages. */
export const nodeTargets: readonly Target[] = [
  textTarget(parseAddress, addresses, { codes: ["invalid_options"] }),
  textTarget(parsePeerAddress, addresses, { codes: ["invalid_options"] }),
  textTarget(parseLineage, [`${JSON.stringify(step)}\n${JSON.stringify(step)}\n`], { codes: [] }),
  textTarget((subjectAltName) => urisOf({ subjectAltName }), [names], {
    name: "urisOf",
    codes: [],
  }),
  target(readRefusal, [join(encodeRefusal({ code: "stranger", message: "who is this" }))]),
  target(checkWelcome, [join(encodeWelcome({ protocolVersion: 1 }))]),
];
