import type { Logger } from "pino";
import { explain, findingKey, type Finding } from "quorate";
import type { KvReplica } from "../kv-calls.ts";

/** How often findings are looked for, in milliseconds. */
const lookMs = 1_000;

/** For how many looks a finding that was told is not told again when it comes back, but at debug. */
const quietLookCount = 60;

/** A finding that is there, or was of late. */
interface Watched {
  finding: Finding;
  /** In how many looks in a row it was there, or was not: a single one may be a passing moment. */
  presentCount: number;
  absentCount: number;
  /** Whether it was told as its severity demands, or only at level debug; undefined: not yet. */
  told: "aloud" | "quietly" | undefined;
  /** Looks since it was last told. */
  toldAgoCount: number;
}

/**
 * Logs a finding once when it has come, and once when it has gone, in the words of `status`. What comes and
 * goes within a look is not told, and what comes again within a minute only at level debug. So is what is
 * information and no more.
 */
export class FindingLog {
  readonly #log: Logger;
  readonly #watched = new Map<string, Watched>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Takes in what is found now. To be called once in a while, always after the same time. */
  look(findings: readonly Finding[]): void {
    const present = new Map(findings.map((finding) => [findingKey(finding), finding]));
    for (const [key, finding] of present) {
      if (!this.#watched.has(key)) this.#watched.set(key, newWatched(finding));
    }
    for (const [key, watched] of this.#watched) {
      watched.toldAgoCount++;
      const finding = present.get(key);
      if (finding === undefined) this.#onAbsent(key, watched);
      else this.#onPresent(watched, finding);
    }
  }

  #onPresent(watched: Watched, finding: Finding): void {
    const isWorse = watched.finding.severity === "info" && finding.severity !== "info";
    watched.finding = finding;
    watched.presentCount++;
    watched.absentCount = 0;
    if ((watched.told !== undefined && !isWorse) || watched.presentCount < 2) return;
    const { severity, code, message, remedy, peers, index } = finding;
    const isNews = isWorse || watched.toldAgoCount >= quietLookCount;
    const level = severity === "warning" ? "warn" : severity;
    watched.told = isNews && level !== "info" ? "aloud" : "quietly";
    const detail = { code, peers, index, remedy };
    this.#log[watched.told === "aloud" ? level : "debug"](detail, message);
    if (isNews) watched.toldAgoCount = 0;
  }

  #onAbsent(key: string, watched: Watched): void {
    const { told, finding, toldAgoCount } = watched;
    watched.presentCount = 0;
    watched.absentCount++;
    if (told !== undefined && watched.absentCount >= 2) {
      const { code, peers, message } = finding;
      this.#log[told === "aloud" ? "info" : "debug"]({ code, peers }, `no more: ${message}`);
      watched.told = undefined;
    }
    // Those that were never told are forgotten at once, the others when they would be told again.
    if (watched.told === undefined && toldAgoCount >= quietLookCount) this.#watched.delete(key);
  }
}

function newWatched(finding: Finding): Watched {
  const toldAgoCount = quietLookCount;
  return { finding, presentCount: 0, absentCount: 0, told: undefined, toldAgoCount };
}

/** Logs what is found of `replica`, until the returned function is called. Its end is told elsewhere. */
export function logFindings(replica: KvReplica, log: Logger): () => void {
  const findingLog = new FindingLog(log);
  const timer = setInterval(() => {
    const status = replica.status();
    if (status.state === "running" || status.state === "full") findingLog.look(explain(status));
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}
