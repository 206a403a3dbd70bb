/** How much is gathered before it is written, in characters. */
const pieceLength = 64 * 1024;

/**
 * Standard output for what may be long: lines are written as fast as they are read, and no more than a
 * piece of them waits. Once the reader has gone, `isOpen` is false, and lines go nowhere.
 */
export class Output {
  #waiting = "";
  #isOpen = true;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Takes a line, without its end. */
  async line(text: string): Promise<void> {
    this.#waiting += `${text}\n`;
    if (this.#waiting.length >= pieceLength) await this.flush();
  }

  /** Writes what waits. To be called at the end. */
  async flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    if (text === "" || !this.#isOpen) return;
    await new Promise<void>((done) => {
      process.stdout.write(text, (error) => {
        if (error !== null && error !== undefined) this.#isOpen = false;
        done();
      });
    });
  }
}
