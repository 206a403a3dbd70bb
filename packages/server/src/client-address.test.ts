import { expect, test } from "vitest";
import { clientAddressOf } from "./client-address.ts";

test("clientAddressOf takes an IPv4 address as it is, however it is written", () => {
  expect(clientAddressOf("10.0.0.1")).toBe("10.0.0.1");
  expect(clientAddressOf("::ffff:10.0.0.1")).toBe("10.0.0.1");
  expect(clientAddressOf(undefined)).toBe("unknown");
});

test("clientAddressOf takes the network of an IPv6 address", () => {
  expect(clientAddressOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(clientAddressOf("2001:db8::9")).toBe("2001:db8:0:0::/64");
  expect(clientAddressOf("::1")).toBe("0:0:0:0::/64");
  expect(clientAddressOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
});
