import { formatAddress, parseAddress, type Address, type NodeId } from "quorate";

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
