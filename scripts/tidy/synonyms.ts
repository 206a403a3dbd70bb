/** A name that this house does not use, since it has another for the same thing. */
export interface Synonym {
  /** Matches a declared identifier, as a whole or by its words. */
  readonly name: RegExp;
  readonly instead: string;
  /** Only files below this folder, where the word has one meaning; undefined: everywhere. */
  readonly folder?: string;
  /** `value`: variables, parameters and fields, but not functions and types. */
  readonly of?: "value";
}

const core = "packages/core/src/";

/** One word for one thing (the terms of the paper), and units and qualifiers last. */
export const synonyms: readonly Synonym[] = [
  { name: /^currentTerm$/, instead: "term" },
  { name: /^epoch$/, instead: "term", folder: core },
  { name: /^votedFor$/, instead: "vote" },
  { name: /^lastApplied$/, instead: "appliedIndex" },
  { name: /^ack(ed)?Index$/, instead: "matchIndex" },
  { name: /^peerState$/i, instead: "progress" },
  { name: /^quorumRead/, instead: "readIndex" },
  { name: /^(checkpoint|purge)([A-Z]|$)/, instead: "snapshot, compact" },
  { name: /^trim([A-Z]|$)/, instead: "compact", folder: core },
  { name: /^(op|payload)$/, instead: "command, entry or data", folder: core },
  { name: /^record$/, instead: "entry (a record is the log file's)", folder: core },
  { name: /^log(Head|Tail)$/, instead: "firstIndex, lastIndex" },
  { name: /^(members|observers)$/, instead: "voters, learners", folder: core },
  { name: /^barrier$/, instead: "readIndex", folder: core },
  { name: /^(effects|actions)$/, instead: "ready", folder: core },
  { name: /^(msg|rpc)$|(Msg|Rpc|RPC)([A-Z]|$)|^Msg[A-Z]/, instead: "message" },
  { name: /^idx$|Idx([A-Z]|$)/, instead: "index or offset" },
  { name: /^cfg$|Cfg([A-Z]|$)/, instead: "options or configuration" },
  { name: /^(mgr|cb|evt|cnt)$|Mgr$/, instead: "the whole word" },
  { name: /(Manager|Util|Utils|Helper|Helpers)$/, instead: "what it is, or does" },
  { name: /^(max|min)[A-Z]/, instead: "…Max, …Min: qualifiers come last", of: "value" },
];

/** Names of files that say nothing about what is inside. */
export const emptyFileName: RegExp =
  /(^|[-/])(utils?|helpers?|common|misc|types|manager|base)\.ts$/;
