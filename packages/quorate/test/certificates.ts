import { generate } from "selfsigned";
import { peerName } from "../src/peer-certificate.ts";

/** A certificate and its key, as PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
interface Content {
  /** The URIs in it: none, or for a node what names it. */
  readonly uris?: readonly string[];
  readonly notAfter?: Date;
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

  /** A certificate for this machine. */
  async issue(name: string, { uris = [], notAfter }: Content = {}): Promise<Certified> {
    const { cert, private: key } = await generate([{ name: "commonName", value: name }], {
      keyType: "ec",
      algorithm: "sha256",
      ca: this.#own,
      notBeforeDate: new Date(Date.now() - 86_400_000 * 10),
      ...(notAfter === undefined ? {} : { notAfterDate: notAfter }),
      extensions: [
        { name: "basicConstraints", cA: false },
        { name: "extKeyUsage", serverAuth: true, clientAuth: true },
        {
          name: "subjectAltName",
          altNames: [
            { type: 2 as const, value: "localhost" },
            { type: 7 as const, ip: "127.0.0.1" },
            ...uris.map((value) => ({ type: 6 as const, value })),
          ],
        },
      ],
    });
    return { cert, key };
  }

  /** A certificate that speaks for node `id` of cluster "test", but for what is said otherwise. */
  node(id: number, content: Content & { readonly clusterId?: string } = {}): Promise<Certified> {
    const { clusterId = "test", ...said } = content;
    return this.issue(`node ${id}`, { uris: [peerName(clusterId, id)], ...said });
  }
}
