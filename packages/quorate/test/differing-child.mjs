// One node of a group that sums up numbers, with a client's door of its own: plain JavaScript over the built
// package, as for `lock-child.mjs`. It says where the door is, what happens to it, and why it ends.
//
// Arguments: its id, its data directory, the addresses of all nodes as JSON, and `wrong` if its state machine is
// one that takes 13 for 14, as a program that was built otherwise might.
import { createServer } from "node:http";
import { startReplica } from "../dist/index.js";

const [id, dataDir, cluster, how] = process.argv.slice(2);

class Sum {
  #sum = 0;
  snapshots = {
    kind: "memory",
    save: () => [Buffer.from(String(this.#sum))],
    restore: async (chunks) => {
      const parts = [];
      for await (const chunk of chunks) parts.push(chunk);
      this.#sum = Number(Buffer.concat(parts));
    },
  };
  apply(entries) {
    return entries.map(({ data }) => {
      const number = Number(Buffer.from(data));
      this.#sum += how === "wrong" && number === 13 ? 14 : number;
      return Buffer.from(String(this.#sum));
    });
  }
  query() {
    return this.#sum;
  }
  digest() {
    return Buffer.from(String(this.#sum));
  }
}

/** What a request asks for, as text. */
async function answer(replica, url) {
  const { pathname, searchParams } = new URL(url, "http://node");
  switch (pathname) {
    case "/add":
      return Buffer.from((await replica.propose(Buffer.from(searchParams.get("number")))).result);
    case "/sum":
      return String((await replica.read("sum", { consistency: searchParams.get("how") })).answer);
    case "/lead":
      return String(await replica.transferLeadership(Number(searchParams.get("id"))));
    case "/snapshot":
      return String((await replica.snapshot()).index);
    default:
      return JSON.stringify(replica.status());
  }
}

try {
  const replica = await startReplica({
    id: Number(id),
    cluster: JSON.parse(cluster),
    dataDir,
    stateMachine: new Sum(),
    tickMs: 20,
    callTimeoutMs: 2000,
    digestEveryCount: 16,
  });
  replica.subscribe((event) => {
    if (event.kind === "diverged") console.log(`differ ${event.index} ${event.wrong.join()}`);
    if (event.kind === "failed") console.log(event.error.message);
  });
  const serve = async (request, response) => {
    try {
      response.end(await answer(replica, request.url));
    } catch (error) {
      response.writeHead(500).end(error.message);
    }
  };
  const server = createServer((request, response) => {
    void serve(request, response);
  });
  server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
} catch (error) {
  console.log(error.message);
}
