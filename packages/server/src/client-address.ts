/**
 * Whom limits per client count as one: an IPv4 address, or the network of an IPv6 address, of whose 64 bits
 * a single machine may use any. What is unknown counts as one client too.
 */
export function clientAddressOf(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return "unknown";
  const address = remoteAddress.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/, "");
  return address.includes(":") ? networkOf(address) : address;
}

/** The first four groups of an IPv6 address. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    while (groups.length + last.length < 8) groups.push("0");
    groups.push(...last);
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}
