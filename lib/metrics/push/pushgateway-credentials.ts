/**
 * Credentials for a Pushgateway: taken out of its URL or given beside it, sent as a header, and kept
 * out of everything people read.
 */

import { ServiceError } from "../../errors.ts";

export interface CredentialOptions {
  /** `http:` or `https:`; may hold credentials and a path. */
  readonly url: string;
  /** For Basic authentication, instead of those in the URL. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** For Bearer authentication. */
  readonly token?: string | undefined;
}

export interface Credentials {
  /** Without credentials and without a slash at its end. */
  readonly url: string;
  /** The `Authorization` header, where there are credentials. */
  readonly headers: { readonly authorization?: string };
  /** Replaces every credential in a text that came from elsewhere, such as a server's answer. */
  readonly redact: (text: string) => string;
}

/**
 * Splits URL and credentials.
 * @throws {ServiceError} `INVALID_CONFIG`, repeating nothing that may be secret.
 */
export function splitCredentials(options: CredentialOptions): Credentials {
  const url = parseUrl(options.url);
  const username = options.username ?? decode(url.username);
  const password = options.password ?? decode(url.password);
  const token = options.token ?? "";
  const isBasic = username !== "" || password !== "";
  if (isBasic && token !== "") throw invalid("a token or a user name and password, not both");
  if (!/^[\x21-\x7e]*$/.test(token)) throw invalid("a token of visible ASCII characters");
  const basic = Buffer.from(`${username}:${password}`).toString("base64");
  const secrets = [basic, password, token]
    .filter((secret) => secret !== "")
    .flatMap((secret) => [secret, encodeURIComponent(secret)]);
  const clean = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  if (token !== "") return withHeader(clean, `Bearer ${token}`, secrets);
  return isBasic ? withHeader(clean, `Basic ${basic}`, secrets) : withHeader(clean, undefined, []);
}

function withHeader(
  url: string,
  authorization: string | undefined,
  secrets: readonly string[],
): Credentials {
  return {
    url,
    headers: authorization === undefined ? {} : { authorization },
    redact: (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, "***"), text),
  };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw invalid("an http:// or https:// URL");
  if (url.search !== "" || url.hash !== "") throw invalid("a URL without `?` and `#`");
  return url;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid("percent-encoded credentials in the URL");
  }
}

function invalid(expected: string): ServiceError {
  return new ServiceError("INVALID_CONFIG", `Pushgateway: expected ${expected}`);
}
