import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { type RaftError, WatchedFiles } from "quorate";
import { ApiError } from "./api-error.ts";
import { parseTokens, TokenSet } from "./tokens.ts";

/** What a request must show to be served. */
export interface AccessOptions {
  /** Whether it must come with a certificate of an authority that the server trusts. */
  readonly needsCertificate: boolean;
  /** Whose tokens it must show one of; undefined: none. */
  readonly tokenFile: string | undefined;
  /** Told when the tokens have changed: `error` says why they are not used. */
  readonly onTokens: (error?: RaftError) => void;
  readonly checkMs: number | undefined;
}

/** Decides whose requests are served. What is asked for, all of it must be shown. */
export class HttpAccess {
  readonly #needsCertificate: boolean;
  readonly #tokens: WatchedFiles<TokenSet> | undefined;

  /** Throws `invalid_options` if the tokens cannot be read. */
  constructor({ needsCertificate, tokenFile, onTokens, checkMs }: AccessOptions) {
    this.#needsCertificate = needsCertificate;
    if (tokenFile === undefined) return;
    this.#tokens = new WatchedFiles({
      paths: [tokenFile],
      parse: ([content]) => new TokenSet(parseTokens(content?.toString("utf8") ?? "")),
      onChange: () => onTokens(),
      onFlaw: onTokens,
      checkMs,
    });
  }

  /** Follows the file of tokens from now on. */
  start(): void {
    this.#tokens?.start();
  }

  close(): void {
    this.#tokens?.close();
  }

  /** Throws `unauthenticated` or `forbidden` unless `request` may be served. */
  check(request: IncomingMessage): void {
    const { socket } = request;
    if (this.#needsCertificate && !(socket instanceof TLSSocket && socket.authorized)) {
      const reason = socket instanceof TLSSocket ? String(socket.authorizationError) : "no TLS";
      throw new ApiError("unauthenticated", `a client certificate is needed: ${reason}`);
    }
    if (this.#tokens === undefined) return;
    const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "") ?? [];
    if (token === undefined) throw new ApiError("unauthenticated", "a bearer token is needed");
    const good = this.#tokens.value.find(token);
    if (good === undefined) throw new ApiError("unauthenticated", "the token is not known");
    if (good === "reading" && request.method !== "GET") {
      throw new ApiError("forbidden", "the token is good for reading only");
    }
  }
}
