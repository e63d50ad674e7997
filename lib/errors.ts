/**
 * The one catalogue of errors. Callers branch on `code`, never on text; HTTP answers take their
 * status and title from here.
 */

/** Every code the service can answer or raise: its HTTP status and its title (RFC 9457 `title`). */
export const ERRORS = {
  INVALID_REQUEST: { status: 400, title: "The request is not valid" },
  UNAUTHORIZED: { status: 401, title: "Credentials are missing or wrong" },
  FORBIDDEN: { status: 403, title: "Access is refused" },
  NOT_FOUND: { status: 404, title: "There is nothing here" },
  METHOD_NOT_ALLOWED: { status: 405, title: "The method is not allowed here" },
  PAYLOAD_TOO_LARGE: { status: 413, title: "The request body is too large" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "The media type is not supported" },
  THROTTLED: { status: 429, title: "Too many requests" },
  QUOTA_EXCEEDED: { status: 429, title: "The quota is used up" },
  INTERNAL: { status: 500, title: "Something went wrong on our side" },
  UNAVAILABLE: { status: 503, title: "The service can't answer right now" },
  INVALID_CONFIG: { status: 500, title: "The configuration is not valid" },
  INVALID_METRIC: { status: 500, title: "The metric is not valid" },
  READ_FAILED: { status: 503, title: "A Pushgateway or the ledger could not be read in full" },
  PAGE_TOO_LARGE: { status: 503, title: "The metrics page is larger than an answer may be" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** One thing wrong with the input: where (`/limit`, `/0/price`) and what was expected there. */
export interface InputFault {
  /** JSON Pointer (RFC 6901) into the body, or `/` and the name of a query or path parameter. */
  readonly pointer: string;
  readonly detail: string;
}

export interface ServiceErrorOptions {
  readonly cause?: unknown;
  /** What was wrong with the input, each by itself; shown to the caller. */
  readonly faults?: readonly InputFault[];
  /** Whole seconds after which another try makes sense; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** HTTP headers the answer needs beside it, such as `allow`; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The one error class. `detail` is shown to callers, so it holds no secret; `cause` is only logged. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly code: ErrorCode;
  readonly detail: string;
  readonly faults: readonly InputFault[];
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, detail: string, options: ServiceErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.faults = options.faults ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
  }

  /** HTTP status of this error's code, 400 to 503. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}
