import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Launch } from "../process-group.ts";
import type { Reply } from "../replica-protocol.ts";
import type { PeerProgram } from "./peer-builds.ts";

/** Starts the nodes of a peer: processes that are spoken to in lines of JSON, and log to a file. */
export function peerLauncher({ command: path, args }: PeerProgram, electionMs: number): Launch {
  return (id, cluster, dir) => {
    mkdirSync(dir, { recursive: true });
    const addresses = Object.entries(cluster).map(([node, address]) => `${node}=${address}`);
    const child = spawn(path, [
      ...args,
      "node",
      ...["--id", String(id)],
      ...["--cluster", addresses.join(",")],
      ...["--dir", dir],
      ...["--election-ms", String(electionMs)],
    ]);
    child.stderr.pipe(createWriteStream(`${dir}.log`));
    // One that ended says so by its end.
    child.stdin.on("error", () => {});
    return {
      child,
      send: (command) => child.stdin.write(`${JSON.stringify(command)}\n`),
      onReply: (listener) => {
        createInterface(child.stdout).on("line", (line) => {
          const reply: unknown = JSON.parse(line);
          if (!isReply(reply)) throw new Error(`${path} said ${line}`);
          listener(reply);
        });
      },
    };
  };
}

/** Whether a program of our own answered, and not some library in it. */
function isReply(line: unknown): line is Reply & { readonly id: number } {
  return typeof line === "object" && line !== null && "id" in line && "kind" in line;
}
