import { generate } from "selfsigned";
import { peerName } from "../src/peer-certificate.ts";

/** A certificate and its key, as PEM. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

/** How a certificate differs from that of a node. */
interface Changes {
  readonly clusterId?: string;
  readonly notAfter?: Date;
  /** The URIs in it, if they are not what names the node. */
  readonly uris?: readonly string[];
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

  /** A certificate that speaks for node `id` of cluster "test", but for `changes`. */
  async node(id: number, changes: Changes = {}): Promise<Certified> {
    const { clusterId = "test", notAfter, uris = [peerName(clusterId, id)] } = changes;
    const { cert, private: key } = await generate([{ name: "commonName", value: `node ${id}` }], {
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
            ...uris.map((value) => ({ type: 6 as const, value })),
          ],
        },
      ],
    });
    return { cert, key };
  }
}
