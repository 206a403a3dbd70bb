import type { HistoryFormat, ModelName } from "@quorate/sim";

/** How a history is checked, as the command line says. */
export interface CheckSettings {
  readonly format?: HistoryFormat;
  readonly model?: ModelName;
  /** The most steps of the search. */
  readonly budget?: number;
  /** The most memory of the search, in MiB. */
  readonly memoryMib?: number;
  readonly json: boolean;
}

// Named here as well, so that the command line is known without loading what carries it out.

/** What a history may be written in. */
export const formats: readonly HistoryFormat[] = ["jsonl", "edn", "porcupine"];

/** What a history may be held against. */
export const models: readonly ModelName[] = ["register", "kv", "counter", "list"];
