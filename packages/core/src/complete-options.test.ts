import { expect, test } from "vitest";
import { completeOptions } from "./complete-options.ts";

test("completeOptions fills in the documented defaults", () => {
  expect(completeOptions(7, {})).toEqual({
    electionTimeoutTicks: 10,
    heartbeatTicks: 1,
    preVote: true,
    checkQuorum: true,
    leaseReads: false,
    campaignDelayTicks: 0,
    forwardProposals: false,
    commandBytesMax: 4 * 1024 * 1024,
    messageBytesMax: 256 * 1024,
    applyBytesMax: 4 * 1024 * 1024,
    uncommittedBytesMax: 64 * 1024 * 1024,
    inflight: { countMax: 256, bytesMax: 16 * 1024 * 1024 },
    pendingReadCountMax: 65_536,
    seed: 7,
  });
});

test("completeOptions keeps what is given", () => {
  const given = {
    electionTimeoutTicks: 3,
    heartbeatTicks: 2,
    preVote: false,
    checkQuorum: true,
    leaseReads: true,
    campaignDelayTicks: 3,
    forwardProposals: true,
    commandBytesMax: 4,
    messageBytesMax: 5,
    applyBytesMax: 6,
    uncommittedBytesMax: 7,
    inflightCountMax: 8,
    inflightBytesMax: 9,
    pendingReadCountMax: 10,
    seed: 0,
  };
  const { inflightCountMax, inflightBytesMax, ...rest } = given;
  expect(completeOptions(7, given)).toEqual({
    ...rest,
    inflight: { countMax: inflightCountMax, bytesMax: inflightBytesMax },
  });
});

/** The least value of each numeric option. */
const leasts: Record<string, number> = {
  heartbeatTicks: 1,
  commandBytesMax: 1,
  messageBytesMax: 1,
  applyBytesMax: 1,
  uncommittedBytesMax: 1,
  inflightCountMax: 1,
  inflightBytesMax: 1,
  pendingReadCountMax: 1,
  seed: 0,
};

for (const [name, least] of Object.entries(leasts)) {
  test(`completeOptions takes ${name} from ${least} and refuses what is none`, () => {
    expect(() => completeOptions(1, { [name]: least })).not.toThrow();
    for (const bad of [least - 1, least + 0.5, Number.NaN, Infinity, 2 ** 53, "9"]) {
      expect(() => completeOptions(1, { [name]: bad })).toThrow(
        expect.objectContaining({ code: "invalid_options" }),
      );
    }
  });
}

test.each(["preVote", "checkQuorum", "forwardProposals"])(
  "completeOptions refuses %s unless it is true or false",
  (name) => {
    for (const bad of [1, 0, "true", {}]) {
      expect(() => completeOptions(1, { [name]: bad })).toThrow(
        `invalid_options: ${name} must be true or false`,
      );
    }
  },
);

test.each([
  [1, 1],
  [3, 3],
  [2, 5],
])("completeOptions refuses %d election ticks with %d heartbeat ticks", (election, heartbeat) => {
  const options = { electionTimeoutTicks: election, heartbeatTicks: heartbeat };
  expect(() => completeOptions(1, options)).toThrow("must exceed heartbeatTicks");
});
