import {
  Agent,
  request as startRequest,
  type ClientRequest as Request,
  type OutgoingHttpHeaders,
} from "node:http";
import { Agent as SecureAgent, request as startSecureRequest } from "node:https";

/** What a client shows of itself, and whom it trusts. */
export interface ClientCredentials {
  /** The token that every request shows. Undefined: none. */
  readonly token?: string | undefined;
  /** Certificates as PEM, for endpoints of `https`. */
  readonly tls?:
    | {
        /** The authorities to trust. Undefined: those of Node.js. */
        readonly ca?: string | undefined;
        /** The certificate to show, with its key. Undefined: none. */
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
      }
    | undefined;
}

/** One request as it is sent. */
export interface RequestHead {
  readonly endpoint: URL;
  readonly method: string;
  /** The path and the query, percent-encoded; sent as it is. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
}

const portOf: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** The connections of a client, kept for the next request, and what they are made with. */
export class ClientConnections {
  readonly #plain: Agent;
  readonly #secure: SecureAgent;
  readonly #headers: OutgoingHttpHeaders;

  /** An idle connection is kept for `idleMs`, in milliseconds. */
  constructor({ token, tls }: ClientCredentials, idleMs: number) {
    const options = { keepAlive: true, maxSockets: 64, timeout: idleMs };
    this.#plain = new Agent(options);
    this.#secure = new SecureAgent({ ...options, ...tls, rejectUnauthorized: true });
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Begins a request, whose body is still to be sent. */
  start({ endpoint, method, path, headers }: RequestHead): Request {
    const { protocol, hostname, port } = endpoint;
    const options = {
      // The brackets of an IPv6 address belong to the URL only.
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? portOf[protocol] : Number(port),
      method,
      path,
      headers: { ...this.#headers, ...headers },
    };
    return protocol === "https:"
      ? startSecureRequest({ ...options, agent: this.#secure })
      : startRequest({ ...options, agent: this.#plain });
  }

  /** Ends all connections. Requests in progress fail. */
  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}
