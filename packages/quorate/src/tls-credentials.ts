import { constants, X509Certificate } from "node:crypto";
import tls from "node:tls";
import { RaftError } from "@quorate/core";
import { WatchedFiles } from "./watched-files.ts";

/** Certificates or a key as PEM: the text itself, or the file that holds it, which is watched. */
export type PemSource = string | Uint8Array | { readonly file: string };

/** What one side of TLS connections shows, and whom it trusts. */
export interface TlsSource {
  /** The authorities whose certificates are trusted, one or several. Undefined: those of Node.js. */
  readonly ca?: PemSource | undefined;

  /** The certificate to show, and those between it and an authority, if there are any. */
  readonly cert: PemSource;

  /** The private key of the certificate, not encrypted. */
  readonly key: PemSource;

  /**
   * The oldest version of TLS that is spoken.
   *
   * @default "TLSv1.3"
   */
  readonly versionMin?: "TLSv1.2" | "TLSv1.3" | undefined;
}

/** What became of files that changed: new connections use them, or they are broken and the old ones stay. */
export type TlsChange =
  | { readonly kind: "reloaded"; readonly validTo: string }
  | { readonly kind: "kept"; readonly error: RaftError };

/** Credentials that can be used, all in one. */
interface Material {
  readonly options: tls.SecureContextOptions;
  readonly context: tls.SecureContext;
  readonly certificate: X509Certificate;
}

/** How credentials are followed. */
export interface TlsCredentialsOptions {
  /** Throws if the certificate is not one that this side may show. */
  readonly check?: (certificate: X509Certificate) => void;
  readonly onChange?: ((change: TlsChange) => void) | undefined;
  /** How often files are looked at, in milliseconds, 10 to 3,600,000; 1000 by default. */
  readonly checkMs?: number | undefined;
}

/**
 * The certificates of one side, ready for use, and made anew when their files change. New connections use
 * the new ones; those that exist stay as they are.
 */
export class TlsCredentials {
  readonly #files: WatchedFiles<Material>;
  readonly #servers = new Set<tls.Server>();

  /** Throws `invalid_options` if anything cannot be read, is no PEM, does not fit together or is expired. */
  constructor(source: TlsSource, options: TlsCredentialsOptions = {}) {
    const named = { ca: source.ca, cert: source.cert, key: source.key };
    const paths = Object.values(named).flatMap((pem) => (isFile(pem) ? [pem.file] : []));
    this.#files = new WatchedFiles({
      paths,
      parse: (contents) => {
        const rest = [...contents];
        const [ca, cert = "", key = ""] = Object.values(named).map((pem) => {
          const text = isFile(pem) ? rest.shift() : pem;
          return text === undefined ? undefined : Buffer.from(text).toString("latin1");
        });
        const material = materialOf({ ca, cert, key, versionMin: source.versionMin });
        options.check?.(material.certificate);
        return material;
      },
      onChange: ({ options: secure, certificate }) => {
        for (const server of this.#servers) server.setSecureContext(secure);
        options.onChange?.({ kind: "reloaded", validTo: certificate.validTo });
      },
      onFlaw: (error) => options.onChange?.({ kind: "kept", error }),
      checkMs: options.checkMs,
    });
  }

  /** What a connection that is made now uses. */
  get context(): tls.SecureContext {
    return this.#files.value.context;
  }

  /** What a server that is made now uses. */
  get options(): tls.SecureContextOptions {
    return this.#files.value.options;
  }

  /** Looks at the files from now on, until `close`. */
  start(): void {
    this.#files.start();
  }

  /** Lets `server` use the newest credentials, now and whenever they change, until it is closed. */
  follow(server: tls.Server): void {
    server.setSecureContext(this.options);
    this.#servers.add(server);
    server.once("close", () => this.#servers.delete(server));
  }

  /** Looks at the files no more. Safe to call again. */
  close(): void {
    this.#files.close();
  }
}

function isFile(pem: PemSource | undefined): pem is { readonly file: string } {
  return typeof pem === "object" && "file" in pem;
}

const blocks = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function materialOf(pem: {
  readonly ca: string | undefined;
  readonly cert: string;
  readonly key: string;
  readonly versionMin: TlsSource["versionMin"];
}): Material {
  const { ca, cert, key, versionMin = "TLSv1.3" } = pem;
  if (ca !== undefined) certificatesOf("ca", ca);
  const [certificate] = certificatesOf("cert", cert);
  if (certificate === undefined) throw flaw("cert holds no certificate");
  if (Date.parse(certificate.validTo) < Date.now()) {
    throw flaw(`the certificate of ${certificate.subject} expired on ${certificate.validTo}`);
  }
  // A session that is resumed would skip the look at its certificate, which may have changed.
  const secureOptions = constants.SSL_OP_NO_TICKET;
  const options = { ca, cert, key, minVersion: versionMin, secureOptions };
  try {
    return { options, context: tls.createSecureContext(options), certificate };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw flaw(`the certificate and the key cannot be used: ${reason}`, error);
  }
}

/** The certificates in `text`, at least one. */
function certificatesOf(name: string, text: string): X509Certificate[] {
  const found = text.match(blocks) ?? [];
  if (found.length === 0) throw flaw(`${name} holds no certificate in PEM`);
  return found.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw flaw(`${name} holds a certificate that cannot be read`, error);
    }
  });
}

function flaw(message: string, cause?: unknown): RaftError {
  return new RaftError("invalid_options", message, { cause });
}
