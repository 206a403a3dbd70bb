import { RaftError } from "@quorate/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatAddress, isPeerAddress, isWildcard, parseAddress, sameAddress } from "./address.ts";

test("parseAddress reads names, IPv4 and bracketed IPv6", () => {
  expect(parseAddress("db-1.example.com:7001")).toEqual({ host: "db-1.example.com", port: 7001 });
  expect(parseAddress("10.0.0.1:0")).toEqual({ host: "10.0.0.1", port: 0 });
  expect(parseAddress("[::1]:7001")).toEqual({ host: "::1", port: 7001 });
  expect(parseAddress("[fe80::1%eth0]:65535")).toEqual({ host: "fe80::1%eth0", port: 65_535 });
});

test("parseAddress refuses anything else", () => {
  const bad = ["", ":", "7001", "host", "host:", ":7001", "::1:7001", "host:65536", "host:-1"];
  const worse = ["host:1e3", "host: 1", "ho st:1", "[::1]", "[host]:1", "http://host:1", "-a:1"];
  for (const text of [...bad, ...worse]) {
    expect(() => parseAddress(text)).toThrow(RaftError);
    expect(() => parseAddress(text)).toThrow(`invalid_options: "${text}" is not an address`);
  }
});

test("formatAddress writes what parseAddress reads", () => {
  const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
      // An IPv6 address with an IPv4 tail is written with dots, and read as it is written.
      expect(parseAddress(formatAddress({ host: name, port }))).toEqual({ host: name, port });
    }),
  );
});

test("isPeerAddress takes what leads to a node, and can be told to others", () => {
  expect(["a:1", "[::1]:65535"].map(isPeerAddress)).toEqual([true, true]);
  const label = "a".repeat(63);
  const longest = `${label}.${label}.${label}.${"a".repeat(57)}:7001`;
  expect([longest.length, isPeerAddress(longest), isPeerAddress(`a${longest}`)]).toEqual([
    255 - 1,
    true,
    true,
  ]);
  expect(["", "a:0", "a", "nowhere", `aa${longest}`].map(isPeerAddress)).not.toContain(true);
});

test("sameAddress compares host and port, and takes no address for one of its own", () => {
  const address = { host: "a", port: 1 };
  expect(sameAddress(address, { ...address })).toBe(true);
  expect(sameAddress(address, { host: "a", port: 2 })).toBe(false);
  expect(sameAddress(address, { host: "b", port: 1 })).toBe(false);
  expect([sameAddress(address, undefined), sameAddress(undefined, undefined)]).toEqual([
    false,
    true,
  ]);
});

test("isWildcard knows the hosts that stand for all", () => {
  expect(["0.0.0.0", "::", "0:0:0:0:0:0:0:0"].map(isWildcard)).not.toContain(false);
  expect(["127.0.0.1", "::1", "10.0.0.0", "localhost"].map(isWildcard)).not.toContain(true);
});
