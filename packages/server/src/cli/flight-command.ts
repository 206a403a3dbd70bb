import { open, rm } from "node:fs/promises";
import { CommandError, exitStatus } from "./exit-status.ts";
import { withClient } from "./key-value-commands.ts";
import type { ClientOfOneSettings } from "./options.ts";

/** Copies what the core of one node was told of late to the new file `path`. */
export async function flightRecordCommand(
  path: string,
  given: ClientOfOneSettings,
): Promise<number> {
  const file = await open(path, "wx").catch((error: unknown) => {
    throw error instanceof Error ? new CommandError(error.message) : error;
  });
  try {
    const endpoint = given.endpoints;
    const bytes = await withClient({ ...given, endpoints: [endpoint] }, (client) =>
      client.copyFlightRecord(endpoint, (chunk) => file.writeFile(chunk)),
    );
    process.stdout.write(`saved to ${path}: ${bytes} bytes\n`);
    return exitStatus.ok;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
