/** What reads what peers say of themselves, for those who try it with hostile bytes. */
export { checkWelcome, readRefusal } from "./handshake.ts";
export { parseLineage } from "./lineage.ts";
export { urisOf } from "./peer-certificate.ts";
export { parsePeerAddress } from "./tcp-options.ts";
