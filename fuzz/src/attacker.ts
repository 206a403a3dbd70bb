import net from "node:net";
import tls from "node:tls";

/** How to connect: in the clear, or by TLS with what is shown. */
export interface Way {
  readonly port: number;
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string };
}

/** How long an attack waits for anything, in milliseconds. */
const waitMs = 5_000;

/** One connection of an attacker, who sends what it likes, and hears what comes back. */
export class Attack {
  readonly #socket: net.Socket;
  #received = "";
  #isOver = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      // What is counted are the beginnings of answers; their ends may be forgotten.
      this.#received = (this.#received + chunk.toString("latin1")).slice(-65_536);
      this.#onData(chunk);
      this.#wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  #onData: (chunk: Buffer) => void = () => {};

  /** Connects. Resolves even if that fails: then the attack is over already. */
  static async open(way: Way): Promise<Attack> {
    const { port } = way;
    const socket =
      way.tls === undefined
        ? net.connect({ host: "127.0.0.1", port })
        : tls.connect({
            host: "127.0.0.1",
            port,
            ...way.tls,
            checkServerIdentity: () => undefined,
          });
    const attack = new Attack(socket);
    let isReady = false;
    socket.once(way.tls === undefined ? "connect" : "secureConnect", () => {
      isReady = true;
      attack.#wake();
    });
    await attack.until(() => isReady);
    return attack;
  }

  /** Whether the connection has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The last of what came back, as Latin-1. */
  get received(): string {
    return this.#received;
  }

  /** Tells `listener` of all that comes back. */
  listen(listener: (chunk: Buffer) => void): void {
    this.#onData = listener;
  }

  /** Sends `bytes`; resolves once they were taken, the connection is over, or time is up. */
  async send(bytes: Uint8Array): Promise<void> {
    if (this.#isOver) return;
    let isTaken = false;
    this.#socket.write(bytes, () => {
      isTaken = true;
      this.#wake();
    });
    await this.until(() => isTaken);
  }

  /** Waits until `condition` holds, the connection is over, or time is up; asks when something happens. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + waitMs;
    while (!condition() && !this.#isOver && performance.now() < deadline) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, deadline - performance.now());
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
  }

  /** Ends the connection, in good order or not. */
  close(isOrderly: boolean): void {
    if (isOrderly) this.#socket.end();
    this.#socket.destroy();
  }
}
