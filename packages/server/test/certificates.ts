import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { peerName } from "quorate";
import { generate } from "selfsigned";
import { onTestFinished } from "vitest";

/** A certificate and its key, as PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test, and what it signs. */
export class Authority {
  readonly #own: Certified;

  private constructor(own: Certified) {
    this.#own = own;
  }

  static async create(name = "authority"): Promise<Authority> {
    const { cert, private: key } = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      algorithm: "sha256",
      extensions: [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, critical: true },
      ],
    });
    return new Authority({ cert, key });
  }

  /** What others trust. */
  get ca(): string {
    return this.#own.cert;
  }

  /** A certificate for this machine, of node `id` of cluster "default", if that is given. */
  async issue(name: string, id?: number): Promise<Certified> {
    const uris = id === undefined ? [] : [{ type: 6 as const, value: peerName("default", id) }];
    const { cert, private: key } = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      algorithm: "sha256",
      ca: this.#own,
      extensions: [
        { name: "basicConstraints", cA: false },
        { name: "extKeyUsage", serverAuth: true, clientAuth: true },
        {
          name: "subjectAltName",
          altNames: [
            { type: 2 as const, value: "localhost" },
            { type: 7 as const, ip: "127.0.0.1" },
            ...uris,
          ],
        },
      ],
    });
    return { cert, key };
  }
}

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
