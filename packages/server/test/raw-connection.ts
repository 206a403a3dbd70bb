import { connect, type Socket } from "node:net";
import { until } from "./until.ts";

/** A TCP connection that a test writes bytes to, for what no HTTP client would send. */
export class RawConnection {
  readonly #socket: Socket;
  #received = "";
  #closed = false;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
    });
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#closed = true;
    });
  }

  /** Everything that arrived so far. */
  get received(): string {
    return this.#received;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether what was written last is still waiting to be taken. */
  write(data: string | Uint8Array): boolean {
    return this.#socket.write(data);
  }

  /** Waits until `text` has arrived. */
  async expect(text: string): Promise<void> {
    await until(`"${text}" arrives`, () => this.#received.includes(text));
  }

  /** Waits until the other side has closed the connection. */
  async expectClosed(): Promise<void> {
    await until("the connection is closed", () => this.#closed);
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
