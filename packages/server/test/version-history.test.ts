import { expect, test } from "vitest";
import { VersionHistory } from "./version-history.ts";

function acknowledged(versions: number): VersionHistory {
  const history = new VersionHistory("k");
  for (let count = 0; count < versions; count++) {
    history.endWrite(history.beginWrite(), "acknowledged");
  }
  return history;
}

test("VersionHistory accepts reads of what is acknowledged or in progress", () => {
  const history = acknowledged(2);
  const [early, next] = [history.floor, history.beginWrite()];
  history.endRead(early, 2, "a");
  history.endRead(early, next, "b");
  history.endRead(early, 2, "c");
  expect(history.violations).toEqual([]);
});

test("VersionHistory finds an acknowledged write that is gone", () => {
  const history = acknowledged(2);
  history.endRead(history.floor, 0, "a");
  expect(history.violations).toEqual(["a read version 0 of k after 2 was known: stale"]);
});

test("VersionHistory finds a read older than an earlier read", () => {
  const history = acknowledged(1);
  const next = history.beginWrite();
  history.endRead(history.floor, next, "a");
  history.endRead(history.floor, 1, "b");
  expect(history.violations).toEqual(["b read version 1 of k after 2 was known: stale"]);
});

test("VersionHistory finds a version that nobody wrote", () => {
  const history = acknowledged(1);
  history.endRead(history.floor, 2, "a");
  expect(history.violations).toEqual(["a read version 2 of k, which nobody wrote"]);
});

test("VersionHistory finds a write that was refused and took effect", () => {
  const history = acknowledged(1);
  const next = history.beginWrite();
  history.endWrite(next, "not-applied");
  history.endRead(history.floor, next, "a");
  expect(history.violations).toEqual(["a read version 2 of k, which was refused as not applied"]);
});

test("VersionHistory takes no write after one whose outcome is unknown", () => {
  const history = acknowledged(1);
  history.endWrite(history.beginWrite(), "unknown");
  history.endRead(history.floor, 2, "a");
  expect(history.violations).toEqual([]);
  expect(() => history.beginWrite()).toThrow("closed");
});
