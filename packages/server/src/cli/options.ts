import { InvalidArgumentError, Option, type Command } from "commander";
import { RaftError } from "quorate";
import { withoutCode } from "../api-error.ts";
import { parseEndpoint } from "../endpoint-choice.ts";
import { clusterHelp } from "./help.ts";
import { defaultHttpPort } from "./local-set-up.ts";
import { logLevels, type LogLevel } from "./log.ts";

/** What options of several commands have in common. */

/**
 * Adds what all commands have in common that talk to servers. `timeoutMs` is how long to try by
 * default, and at most.
 */
export function client(
  command: Command,
  timeoutMs: { readonly usual: number; readonly most: number },
): Command {
  const ports = [0, 1, 2].map((offset) => defaultHttpPort + offset);
  return command
    .addOption(
      new Option("--endpoints <url,...>", "where the nodes listen for clients")
        .argParser(checked(parseEndpoints))
        .default(ports.map((port) => `http://127.0.0.1:${port}`))
        .env("QUORATE_ENDPOINTS"),
    )
    .option("--timeout-ms <ms>", "how long to try", integer(1, timeoutMs.most), timeoutMs.usual)
    .addHelpText("after", clusterHelp);
}

/** The option that says how much is logged, by default `level`. */
export function logLevelOption(level: LogLevel): Option {
  return new Option("--log-level <level>", "how much is logged").choices(logLevels).default(level);
}

/** The origins of a list of URLs. Throws `invalid_argument`. */
export function parseEndpoints(text: string): readonly string[] {
  return text.split(",").map((endpoint) => parseEndpoint(endpoint).origin);
}

/** The parser of an argument or option that turns what `parse` throws into a usage error. */
export function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof RaftError) throw new InvalidArgumentError(withoutCode(error));
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

/** The parser of an integer from `least` to `most`. */
export function integer(least: number, most: number): (text: string) => number {
  return checked((text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : -1;
    if (value >= least && value <= most) return value;
    throw new RangeError(`must be an integer from ${least} to ${most}`);
  });
}
