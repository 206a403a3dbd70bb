import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Certified } from "../../quorate/test/certificates.ts";

/** A directory for the secrets of one test, removed at its end. */
export class SecretFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<SecretFiles> {
    const directory = await mkdtemp(join(tmpdir(), "quorate-secrets-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    return new SecretFiles(directory);
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  /** Writes `text`, and says where. */
  async write(name: string, text: string): Promise<string> {
    await writeFile(this.path(name), text);
    return this.path(name);
  }

  /** Writes a certificate and its key, and says where. */
  async writeCertified(name: string, { cert, key }: Certified): Promise<Certified> {
    return {
      key: await this.write(`${name}.key`, key),
      cert: await this.write(`${name}.pem`, cert),
    };
  }
}
