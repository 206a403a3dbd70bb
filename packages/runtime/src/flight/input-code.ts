/** What a core is told, by the numbers that stand for it in a record. Stable; new ones go to the end. */
export const codes = {
  tick: 1,
  step: 2,
  propose: 3,
  proposeChange: 4,
  readIndex: 5,
  transferLeadership: 6,
  stepDown: 7,
  forgetLeader: 8,
  campaign: 9,
  reportUnreachable: 10,
  reportSnapshot: 11,
  compact: 12,
  ready: 13,
  accept: 14,
  persisted: 15,
  applied: 16,
  /** Nothing that a core is told: how long older entries are, which the node has just sent. */
  lengths: 17,
} as const;
