import { readFileSync } from "node:fs";
import { Option, type Command } from "commander";
import { RaftError } from "quorate";
import { withoutCode } from "../api-error.ts";
import type { ClientCredentials } from "../client-connections.ts";
import { parseTokens } from "../tokens.ts";
import { CommandError } from "./exit-status.ts";

/** What a command is told about who it is and whom it trusts: files, all of them. */
export interface CredentialSettings {
  /** The authorities to trust at endpoints of `https`. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Of the tokens in it, the first that is good for everything is shown. */
  readonly tokenFile?: string;
}

/** Adds the options that say what a client shows. A token itself is no option: all could read it. */
export function addCredentials(command: Command): Command {
  return command
    .addOption(new Option("--ca <file>", "authorities to trust, as PEM").env("QUORATE_CA"))
    .addOption(new Option("--cert <file>", "the certificate to show").env("QUORATE_CERT"))
    .addOption(new Option("--key <file>", "its key").env("QUORATE_KEY"))
    .addOption(
      new Option("--token-file <file>", "the token to show; or QUORATE_TOKEN has it").env(
        "QUORATE_TOKEN_FILE",
      ),
    );
}

/** Reads what the settings name. A file of a token comes before `QUORATE_TOKEN`. Throws `CommandError`. */
export function readCredentials(settings: CredentialSettings): ClientCredentials {
  const { ca, cert, key, tokenFile } = settings;
  if ((cert === undefined) !== (key === undefined)) {
    throw new CommandError("--cert and --key go together");
  }
  const token = tokenFile === undefined ? process.env["QUORATE_TOKEN"] : firstToken(tokenFile);
  return { token: token || undefined, tls: { ca: read(ca), cert: read(cert), key: read(key) } };
}

/** The first token of a file that is good for everything, or else the first. */
function firstToken(path: string): string | undefined {
  try {
    const tokens = parseTokens(read(path) ?? "");
    return (tokens.find((token) => !token.isReadOnly) ?? tokens[0])?.text;
  } catch (error) {
    if (error instanceof RaftError) throw new CommandError(`${path}: ${withoutCode(error)}`);
    throw error;
  }
}

function read(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error));
  }
}
