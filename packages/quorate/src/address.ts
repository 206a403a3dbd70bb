import { RaftError } from "@quorate/core";

/** Where a node listens. */
export interface Address {
  /** A name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 0 to 65535; 0 lets the system pick one. */
  readonly port: number;
}

const bracketed = /^\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]:(\d{1,5})$/;
const plain = /^([A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?):(\d{1,5})$/;

/** Reads `host:port` or `[ipv6]:port`. Throws `invalid_options` for anything else. */
export function parseAddress(text: string): Address {
  const match = bracketed.exec(text) ?? plain.exec(text);
  const [host, port] = [match?.[1], Number(match?.[2])];
  if (host === undefined || !(port <= 65_535)) {
    throw new RaftError(
      "invalid_options",
      `"${text}" is not an address: give HOST:PORT, or [IPV6]:PORT, with a port of at most 65535`,
    );
  }
  return { host, port };
}

/** The text that `parseAddress` reads. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
