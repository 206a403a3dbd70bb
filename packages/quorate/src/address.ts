import { RaftError } from "@quorate/core";
import { addressBytesMax } from "@quorate/wire";

/** Where a node listens, or is reached. */
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
  const address = readAddress(text);
  if (address === undefined) {
    throw new RaftError(
      "invalid_options",
      `"${text}" is not an address: give HOST:PORT, or [IPV6]:PORT, with a port of at most 65535`,
    );
  }
  return address;
}

/** Whether `text` tells where another node is: an address, and its port. */
export function isPeerAddress(text: string): boolean {
  return (readAddress(text)?.port ?? 0) > 0;
}

function readAddress(text: string): Address | undefined {
  const match = bracketed.exec(text) ?? plain.exec(text);
  const [host, port] = [match?.[1], Number(match?.[2])];
  // What cannot be told to others is no use here. All of it is ASCII.
  if (host === undefined || port > 65_535 || text.length > addressBytesMax) return undefined;
  return { host, port };
}

/** Whether two addresses are the same, as far as can be told without looking names up. */
export function sameAddress(a: Address | undefined, b: Address | undefined): boolean {
  return a?.host === b?.host && a?.port === b?.port;
}

/** Whether a host stands for all addresses of a machine: one can listen there, but not go there. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || /^[0:]+$/.test(host);
}

/** The text that `parseAddress` reads. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
