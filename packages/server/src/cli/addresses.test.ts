import { expect, test } from "vitest";
import { formatCluster, parseCluster, parseNodeId } from "./addresses.ts";

test("parseCluster reads what formatCluster writes", () => {
  const text = "1=127.0.0.1:7001,2=[::1]:7002,30=c:1";
  const cluster = parseCluster(text);
  expect([...cluster.keys()]).toEqual([1, 2, 30]);
  expect(formatCluster(cluster)).toBe(text);
});

test.each([
  ["", "member"],
  ["a:1", "member"],
  ["1=a:1,", "member"],
  ["0=a:1", "id"],
  ["x=a:1", "id"],
  ["1=a", "address"],
  ["1=a:1,1=b:1", "named twice"],
])("parseCluster refuses %j and says why", (text, reason) => {
  expect(() => parseCluster(text)).toThrow(reason);
});

test.each(["", "0", "-1", "1.5", "9007199254740992", "one"])("parseNodeId refuses %j", (text) => {
  expect(() => parseNodeId(text)).toThrow(RangeError);
});
