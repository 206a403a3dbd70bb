import { formatAddress, parseAddress, type Address, type MemberOrNew, type NodeId } from "quorate";

/** The nodes in `text`, as `1=host:port,2=host:port`. Throws a `RangeError` or an `invalid_options`. */
export function parseCluster(text: string): ReadonlyMap<NodeId, Address> {
  const cluster = new Map<NodeId, Address>();
  for (const member of text.split(",")) {
    const [, id = "", rest = ""] = /^([^=]*)=(.*)$/.exec(member) ?? [];
    if (id === "") throw new RangeError(`member is "${member}", must be id=host:port`);
    const node = parseNodeId(id);
    if (cluster.has(node)) throw new RangeError(`node ${node} is named twice`);
    cluster.set(node, parseAddress(rest));
  }
  return cluster;
}

/** `cluster` as `parseCluster` reads it. */
export function formatCluster(cluster: ReadonlyMap<NodeId, Address>): string {
  return [...cluster].map(([id, address]) => `${id}=${formatAddress(address)}`).join(",");
}

/** The node id in `text`. Throws a `RangeError` unless it is a safe integer of at least 1. */
export function parseNodeId(text: string): NodeId {
  const id = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (id >= 1 && Number.isSafeInteger(id)) return id;
  throw new RangeError(`id is "${text}", must be an integer of at least 1`);
}

/** The address of a node in `text`, which others can go to. Throws a `RangeError` or an `invalid_options`. */
export function parsePeerAddress(text: string): string {
  const address = parseAddress(text);
  if (address.port > 0) return formatAddress(address);
  throw new RangeError(`address is "${text}", must have a port of at least 1`);
}

/**
 * The members in `text`, as `1,2,3=host:port`: those with an address may be new. Throws a `RangeError`
 * or an `invalid_options`.
 */
export function parseMembers(text: string): readonly MemberOrNew[] {
  const members = text.split(",").map((member) => {
    const mark = member.indexOf("=");
    if (mark < 0) return parseNodeId(member);
    return {
      id: parseNodeId(member.slice(0, mark)),
      address: parsePeerAddress(member.slice(mark + 1)),
    };
  });
  const repeated = repeatedMember(members);
  if (repeated !== undefined) throw new RangeError(`node ${repeated} is named twice`);
  return members;
}

/** Whom `members` name a second time; undefined if nobody. */
export function repeatedMember(members: readonly MemberOrNew[]): NodeId | undefined {
  const ids = members.map((member) => (typeof member === "number" ? member : member.id));
  return ids.find((id, at) => ids.indexOf(id) < at);
}
