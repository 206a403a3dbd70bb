import { InvalidArgumentError, Option, type Command } from "commander";
import { RaftError } from "quorate";
import { withoutCode } from "../api-error.ts";
import { parseEndpoint } from "../endpoint-choice.ts";
import { addCredentials, type CredentialSettings } from "./credentials.ts";
import { clusterHelp } from "./help.ts";
import { defaultHttpPort } from "./local-set-up.ts";
import { logLevels, type LogLevel } from "./log.ts";

/** What options of several commands have in common. */

/** How long a command tries by default, and at most, in milliseconds. */
interface ClientTimeout {
  readonly usual: number;
  readonly most: number;
}

/** What a command is told that is about one node. */
export interface ClientOfOneSettings extends CredentialSettings {
  /** Only one, though the option is called as it is for all commands. */
  readonly endpoints: string;
  readonly timeoutMs: number;
}

/** Adds what all commands have in common that talk to servers. */
export function client(command: Command, timeoutMs: ClientTimeout): Command {
  const ports = [0, 1, 2].map((offset) => defaultHttpPort + offset);
  return addCredentials(command)
    .addOption(
      new Option("--endpoints <url,...>", "where the nodes listen for clients")
        .argParser(checked(parseEndpoints))
        .default(ports.map((port) => `http://127.0.0.1:${port}`))
        .env("QUORATE_ENDPOINTS"),
    )
    .addOption(timeoutOption(timeoutMs))
    .addHelpText("after", clusterHelp);
}

/** As `client`, for a command about one node, which must be said: there is no default. */
export function clientOfOne(command: Command, timeoutMs: ClientTimeout): Command {
  return addCredentials(command)
    .addOption(
      new Option("--endpoints <url>", "where that node listens for clients, and no other")
        .argParser(checked(parseOneEndpoint))
        .env("QUORATE_ENDPOINTS")
        .makeOptionMandatory(),
    )
    .addOption(timeoutOption(timeoutMs));
}

function timeoutOption({ usual, most }: ClientTimeout): Option {
  return new Option("--timeout-ms <ms>", "how long to try")
    .argParser(integer(1, most))
    .default(usual);
}

/** The option that says how much is logged, by default `level`. */
export function logLevelOption(level: LogLevel): Option {
  return new Option("--log-level <level>", "how much is logged").choices(logLevels).default(level);
}

/** The origins of a list of URLs. Throws `invalid_argument`. */
export function parseEndpoints(text: string): readonly string[] {
  return text.split(",").map((endpoint) => parseEndpoint(endpoint).origin);
}

/** The origin of a URL. Throws `invalid_argument`, or `RangeError` on a list of several. */
function parseOneEndpoint(text: string): string {
  const [endpoint, ...others] = parseEndpoints(text);
  if (endpoint !== undefined && others.length === 0) return endpoint;
  throw new RangeError(`${others.length + 1} nodes are given, must be one`);
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
