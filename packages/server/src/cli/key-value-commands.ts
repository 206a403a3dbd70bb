import { randomUUID } from "node:crypto";
import type { Readable } from "node:stream";
import { Client } from "../client.ts";
import type { Consistency } from "../http-request.ts";
import { keyBytesMax, valueBytesMax } from "../command.ts";
import { type CredentialSettings, readCredentials } from "./credentials.ts";
import { CommandError, exitStatus } from "./exit-status.ts";

/** What every command that talks to servers is told. */
export interface ClientSettings extends CredentialSettings {
  readonly endpoints: readonly string[];
  readonly timeoutMs: number;
}

/** What a read is told. */
export interface GetSettings extends ClientSettings {
  readonly local: boolean;
  readonly consistency?: Consistency;
  readonly stalenessMs?: number;
  readonly atLeast?: number;
}

/** Puts `value`, or what standard input holds if that is `-`, at `key`. */
export async function putCommand(
  key: string,
  value: string,
  settings: ClientSettings,
): Promise<number> {
  const keyBytes = parseKey(key);
  const valueBytes = value === "-" ? await readValue(process.stdin) : Buffer.from(value);
  if (valueBytes.length > valueBytesMax) throw valueTooLarge();
  const { index } = await withClient(settings, (client) =>
    client.put(keyBytes, valueBytes, { idempotencyKey: randomUUID() }),
  );
  process.stdout.write(`stored at index ${index}\n`);
  return exitStatus.ok;
}

/** Prints the value of `key`: its bytes and nothing else, but for a line end on a terminal. */
export async function getCommand(key: string, settings: GetSettings): Promise<number> {
  const keyBytes = parseKey(key);
  const { local, stalenessMs, atLeast } = settings;
  // Whoever bounds the age of a read wants one that may have an age.
  const isLocal = local || stalenessMs !== undefined;
  const consistency = settings.consistency ?? (isLocal ? "local" : undefined);
  if (stalenessMs !== undefined && consistency !== "local") {
    throw new CommandError("--staleness-ms goes with --consistency local only");
  }
  const { value } = await withClient(settings, (client) =>
    client.get(keyBytes, { consistency, stalenessMsMax: stalenessMs, atLeast }),
  );
  if (value === undefined) return notFound(key);
  process.stdout.write(value);
  if (process.stdout.isTTY) process.stdout.write("\n");
  return exitStatus.ok;
}

/** Removes `key`. */
export async function deleteCommand(key: string, settings: ClientSettings): Promise<number> {
  const keyBytes = parseKey(key);
  const written = await withClient(settings, (client) =>
    client.delete(keyBytes, { idempotencyKey: randomUUID() }),
  );
  if (written === undefined) return notFound(key);
  process.stdout.write(`deleted at index ${written.index}\n`);
  return exitStatus.ok;
}

/** Lets `call` use a client, which is closed after it. When nobody can serve it yet, the user is told. */
export async function withClient<T>(
  settings: ClientSettings,
  call: (client: Client) => Promise<T>,
): Promise<T> {
  const { endpoints, timeoutMs } = settings;
  const client = new Client({
    ...readCredentials(settings),
    endpoints,
    timeoutMs,
    onRetry: sayRetry,
  });
  try {
    return await call(client);
  } finally {
    client.close();
  }
}

/** Says why nothing has happened yet, and how long that may last. */
function sayRetry(reason: string, leftMs: number): void {
  const seconds = Math.ceil(leftMs / 1000);
  process.stderr.write(`quorate: ${reason}; trying again for up to ${seconds} s\n`);
}

function parseKey(text: string): Uint8Array {
  const key = Buffer.from(text);
  if (key.length >= 1 && key.length <= keyBytesMax) return key;
  throw new CommandError(`the key has ${key.length} bytes, must have 1 to ${keyBytesMax}`);
}

/** All of `input`. Stops reading once it cannot be a value any more. */
async function readValue(input: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    // No encoding was set on the stream, so it yields bytes.
    if (!(chunk instanceof Uint8Array)) continue;
    bytes += chunk.length;
    if (bytes > valueBytesMax) throw valueTooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function valueTooLarge(): CommandError {
  return new CommandError(`the value has more than ${valueBytesMax} bytes`);
}

function notFound(key: string): number {
  process.stderr.write(`quorate: ${key}: not found\n`);
  return exitStatus.notFound;
}
