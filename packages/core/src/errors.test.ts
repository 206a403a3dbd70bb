import { expect, test } from "vitest";
import { type ErrorCode, isErrorCode, type Outcome, RaftError } from "./errors.ts";

/** What a caller may conclude from each code. A `Record`, so that a new code does not compile here. */
const outcomes: Record<ErrorCode, Outcome> = {
  not_leader: "not-applied",
  is_leader: "not-applied",
  lease_promised: "not-applied",
  leader_not_ready: "not-applied",
  busy: "not-applied",
  too_large: "not-applied",
  invalid_argument: "not-applied",
  invalid_options: "not-applied",
  invalid_change: "not-applied",
  change_pending: "not-applied",
  configuration_changed: "not-applied",
  catch_up_failed: "not-applied",
  transferring: "not-applied",
  transfer_failed: "not-applied",
  removed: "not-applied",
  snapshot_failed: "not-applied",
  invalid_message: "not-applied",
  unknown_message: "not-applied",
  stranger: "not-applied",
  unauthenticated: "not-applied",
  wrong_recipient: "not-applied",
  log_lost: "not-applied",
  stale_ready: "not-applied",
  malformed: "not-applied",
  unsupported_version: "not-applied",
  locked: "not-applied",
  wrong_identity: "not-applied",
  corrupt: "not-applied",
  disk_full: "not-applied",
  storage_failed: "unknown",
  state_machine_failed: "unknown",
  diverged: "unknown",
  session_expired: "unknown",
  superseded: "not-applied",
  leadership_lost: "unknown",
  unavailable: "not-applied",
  deadline_exceeded: "unknown",
  aborted: "unknown",
  closed: "not-applied",
  stopped: "unknown",
};

for (const [code, outcome] of Object.entries(outcomes)) {
  test(`RaftError ${code} leaves the outcome ${outcome}`, () => {
    if (!isErrorCode(code)) throw new Error(`${code} is not known`);
    const error = new RaftError(code, "text");
    expect(error.code).toBe(code);
    expect(error.outcome).toBe(outcome);
    expect(error.message).toBe(`${code}: text`);
  });
}

test.each(["", "nonsense", "toString", "__proto__", "constructor", "NOT_LEADER"])(
  "isErrorCode does not know %j",
  (code) => {
    expect(isErrorCode(code)).toBe(false);
  },
);

test("RaftError is an Error with a name, the leader if known, and the cause if given", () => {
  const cause = new Error("why");
  const error = new RaftError("not_leader", "text", { leader: 3, cause });
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe("RaftError");
  expect(error.leader).toBe(3);
  expect(error.cause).toBe(cause);
  const bare = new RaftError("busy", "text");
  expect(bare.leader).toBe(0);
  expect("cause" in bare).toBe(false);
});
