import { randomBytes } from "node:crypto";
import { access, open, rename, rm } from "node:fs/promises";
import {
  formatAddress,
  openSnapshotArchive,
  RaftError,
  readSessions,
  restoreSnapshot,
  type Address,
  type NodeId,
  type SnapshotArchive,
} from "quorate";
import { SnapshotDecoder } from "../kv-snapshot.ts";
import { formatCluster } from "./addresses.ts";
import { dataDirError } from "./data-dir-error.ts";
import { CommandError, exitStatus } from "./exit-status.ts";
import { withClient, type ClientSettings } from "./key-value-commands.ts";
import { describeConfState } from "./member-command.ts";

/** What `snapshot restore` is told. */
export interface RestoreSettings {
  readonly dataDir: string;
  readonly id: NodeId;
  readonly cluster: ReadonlyMap<NodeId, Address>;
  readonly clusterId?: string;
}

/** Lets a node take a snapshot, and copies it to the file `path`, if given, once it proved to be whole. */
export async function snapshotSaveCommand(
  path: string | undefined,
  settings: ClientSettings,
): Promise<number> {
  if (path !== undefined) await refuseExisting(path);
  return withClient(settings, async (client) => {
    const endpoint = await client.readyEndpoint();
    const { index, term, bytes } = await client.takeSnapshot(endpoint);
    print(`${endpoint} took a snapshot at index ${index}, term ${term}: ${bytes} bytes of state`);
    if (path === undefined) return exitStatus.ok;
    const part = `${path}.part-${randomBytes(4).toString("hex")}`;
    try {
      await writeFile(part, (take) => client.copySnapshot(endpoint, take));
      const { archive, keyCount } = await verify(part);
      await archive.close();
      await rename(part, path);
      print(
        `saved to ${path}: index ${archive.info.index}, ${keyCount ?? "unknown"} keys, verified`,
      );
    } catch (error) {
      await rm(part, { force: true });
      throw dataDirError(error);
    }
    return exitStatus.ok;
  });
}

/** Says what the snapshot at `path`, a file or a data directory, is of, and whether it is whole. */
export async function snapshotInspectCommand(
  path: string,
  settings: { readonly json: boolean },
): Promise<number> {
  try {
    const { archive, keyCount } = await verify(path);
    await archive.close();
    print(settings.json ? jsonOf(archive, keyCount) : render(archive, keyCount));
    return exitStatus.ok;
  } catch (error) {
    throw dataDirError(error);
  }
}

/** Makes the data directory of one node of a new group, which begins with the state of the snapshot. */
export async function snapshotRestoreCommand(
  path: string,
  { dataDir, id, cluster, clusterId: given }: RestoreSettings,
): Promise<number> {
  try {
    const { archive, keyCount } = await verify(path);
    await archive.close();
    if (keyCount === undefined) {
      throw new CommandError(`${path}: the state is not that of a key-value store`);
    }
    const { clusterId, index } = await restoreSnapshot({
      snapshot: archive.path,
      dataDir,
      id,
      cluster: new Map([...cluster].map(([node, address]) => [node, formatAddress(address)])),
      clusterId: given,
    });
    print(
      [
        `${dataDir} begins at index ${index} with ${keyCount} keys, for node ${id} of ${clusterId}.`,
        "Do the same, from the same snapshot, for every node of the cluster. Then start each:",
        "",
        `  quorate serve --id ${id} --cluster ${formatCluster(cluster)} \\`,
        `    --cluster-id ${clusterId} --data-dir ${dataDir} --http HOST:PORT`,
      ].join("\n"),
    );
    return exitStatus.ok;
  } catch (error) {
    throw dataDirError(error);
  }
}

interface Verified {
  /** To be closed. */
  readonly archive: SnapshotArchive;
  /** How many keys the state has; undefined if it is not one of a key-value store. */
  readonly keyCount: number | undefined;
}

/** Opens the snapshot at `path` and reads all of it. */
async function verify(path: string): Promise<Verified> {
  const archive = await openSnapshotArchive(path);
  if (archive === undefined) {
    throw new CommandError(`there is no snapshot in ${path}`, exitStatus.notFound);
  }
  try {
    return { archive, keyCount: await countKeys(archive) };
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** Reads the content to its end, whatever it is, and counts the keys in it. */
async function countKeys(archive: SnapshotArchive): Promise<number | undefined> {
  const chunks = archive.content()[Symbol.asyncIterator]();
  const decoder = new SnapshotDecoder();
  let count: number | undefined = 0;
  const decode = async (run: () => number | Promise<number>): Promise<void> => {
    if (count === undefined) return;
    try {
      count += await run();
    } catch (error) {
      if (!isForeign(error)) throw error;
      count = undefined;
    }
  };
  // The sessions come first; a state from before there were any is read as it is.
  await decode(async () => decoder.push((await readSessions(chunks)).left).length);
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) break;
    await decode(() => decoder.push(next.value).length);
  }
  await decode(() => {
    decoder.finish();
    return 0;
  });
  return count;
}

/** Whether `error` says that a content is none of a key-value store, and not that it is damaged. */
function isForeign(error: unknown): boolean {
  if (!(error instanceof RaftError)) return false;
  return error.code === "malformed" || error.code === "unsupported_version";
}

function render({ path, fileBytes, info }: SnapshotArchive, keyCount: number | undefined): string {
  const { members, removed, contentBytes } = info;
  const checksum = info.checksum.toString(16).padStart(8, "0");
  const content = `${contentBytes} bytes, CRC-32C ${checksum}, verified`;
  const rows: (readonly [string, string])[] = [
    ["file", `${path}, ${fileBytes} bytes`],
    ["cluster", info.clusterId],
    ["node", String(info.nodeId)],
    ["index", `${info.index}, of term ${info.term}`],
    ["members", describeConfState(info.confState)],
    ...members.map(({ id, address, priority }) => {
      return ["", `${id}: ${address || "address unknown"}, priority ${priority}`] as const;
    }),
    ["removed", removed.length === 0 ? "none" : removed.join(", ")],
    ["state", info.external ? "kept by the state machine itself" : content],
  ];
  if (keyCount !== undefined) rows.push(["keys", String(keyCount)]);
  return rows.map(([name, text]) => `${name.padEnd(8)} ${text}`).join("\n");
}

function jsonOf({ path, fileBytes, info }: SnapshotArchive, keyCount: number | undefined): string {
  const id = Buffer.from(info.id).toString("hex");
  return JSON.stringify({ path, fileBytes, ...info, id, keyCount: keyCount ?? null });
}

/** Writes all that `fill` hands over to a new file, durably. */
async function writeFile(
  path: string,
  fill: (take: (chunk: Uint8Array) => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const file = await open(path, "wx");
  try {
    await fill(async (chunk) => {
      for (let rest = chunk; rest.length > 0;) {
        const { bytesWritten } = await file.write(rest);
        rest = rest.subarray(bytesWritten);
      }
    });
    await file.sync();
  } finally {
    await file.close();
  }
}

async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new CommandError(`${path} exists; give another name`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
