import { expect, test } from "vitest";
import { peerName, urisOf } from "./peer-certificate.ts";

test("peerName encodes what a URI does not take", () => {
  expect(peerName("a b/ü,", 7)).toBe("quorate://a%20b%2F%C3%BC%2C/7");
});

test("urisOf finds URIs among other names", () => {
  const subjectAltName = "DNS:a, URI:quorate://c/1, IP Address:127.0.0.1, URI:quorate://c/2";
  expect(urisOf({ subjectAltName })).toEqual(["quorate://c/1", "quorate://c/2"]);
  expect(urisOf({ subjectAltName: undefined })).toEqual([]);
});

test("urisOf takes nothing out of a name that pretends to be several", () => {
  for (const subjectAltName of [
    'URI:"http://a/, URI:quorate://c/1, b"',
    'DNS:"x\\", URI:quorate://c/1, \\"y"',
    "othername:<unsupported>, URI:",
  ]) {
    expect(urisOf({ subjectAltName }).join()).toBe("");
  }
});
