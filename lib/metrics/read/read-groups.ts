/**
 * Reads all groups of a job from a Pushgateway, as one snapshot: whole or not at all.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { ServiceError } from "../../errors.ts";
import type { Group, Snapshot } from "../family.ts";
import {
  describeError,
  readAnswer,
  type Connection,
  type Patience,
} from "../push/pushgateway-connection.ts";
import { createFormatChoice } from "./read-groups-choice.ts";
import { jsonGroups } from "./read-groups-json.ts";
import { protobufGroups } from "./read-groups-protobuf.ts";

/** One of the forms in which a Pushgateway tells its groups. */
export interface GroupFormat {
  readonly path: string;
  readonly accept: string;
  /** @throws {Error} when an answer with this head can't be read whole. */
  checkHead(headers: IncomingHttpHeaders): void;
  /**
   * The groups of a job, in the order in which they arrive; those of other jobs are dropped at once.
   * @throws {Error} for anything that is not a whole, well-formed answer.
   */
  parse(body: AsyncIterable<Buffer>, job: string): AsyncIterable<Group>;
}

export interface GroupSourceOptions {
  readonly connection: Connection;
  /** Of the Pushgateway, without credentials. */
  readonly url: string;
  readonly redact: (text: string) => string;
}

/** @throws {ServiceError} `READ_FAILED`, also while its groups are iterated, naming URL and cause. */
export type GroupReader = (job: string, patience: Patience) => Promise<Snapshot>;

/**
 * Opens a reader that asks for the form which suits what the last snapshot held. Where the page can't
 * be had or can't be read, JSON is asked for in what is left of the time.
 */
export function createGroupReader(source: GroupSourceOptions): GroupReader {
  const choice = createFormatChoice();
  return async (job, patience) => {
    const startedMs = performance.now();
    let timeoutMs = patience.timeoutMs;
    if (choice.isPage()) {
      try {
        return choice.observe(await readSnapshot(source, protobufGroups, job, patience));
      } catch (error) {
        // Whoever gave up says nothing of the page.
        if (patience.signal?.aborted === true) throw error;
        choice.pageFailed();
        timeoutMs -= performance.now() - startedMs;
        if (timeoutMs <= 0) throw error;
      }
    }
    const left = { ...patience, timeoutMs };
    return choice.observe(await readSnapshot(source, jsonGroups, job, left));
  };
}

/**
 * Asks for the groups in one form. The first group is read at once, so that a page, which is sorted by
 * family, is whole or has failed; the others are parsed while they are iterated.
 *
 * `takenAtSeconds` is no later than when they were copied, by more than the second that `Date` is
 * exact to: the time it took to write them down is taken off.
 * @throws {ServiceError} `READ_FAILED`, also while iterating, naming URL and cause.
 */
export async function readSnapshot(
  { connection, url, redact }: GroupSourceOptions,
  format: GroupFormat,
  job: string,
  { timeoutMs, signal }: Patience,
): Promise<Snapshot> {
  const failed = (what: string, cause?: unknown) => {
    const detail = redact(`read of ${url}${format.path}: ${what}`);
    return new ServiceError("READ_FAILED", detail, cause === undefined ? {} : { cause });
  };
  const headers = { accept: format.accept };
  const request = { method: "GET", path: format.path, headers, timeoutMs, signal } as const;
  const askedMs = performance.now();
  const exchange = await connection.exchange(request);
  if ("failure" in exchange) throw failed(`${exchange.failure}, expected its groups`);
  const { response } = exchange;
  if (response.statusCode !== 200) {
    const { excerpt } = await readAnswer(response);
    throw failed(`status ${response.statusCode}${excerpt}, expected 200`);
  }
  const waitedSeconds = Math.floor((performance.now() - askedMs) / 1_000);
  const takenAtSeconds = Date.parse(response.headers.date ?? "") / 1_000 - waitedSeconds;
  if (Number.isNaN(takenAtSeconds)) {
    response.destroy();
    throw failed(`Date header ${response.headers.date ?? "missing"}, expected the time`);
  }
  const groups = groupsOf(response);
  const first = await groups.next();
  return { pushgateway: url, takenAtSeconds, groups: startWith(first, groups) };

  async function* groupsOf(body: IncomingMessage): AsyncGenerator<Group> {
    try {
      format.checkHead(body.headers);
      yield* format.parse(body, job);
    } catch (error) {
      throw failed(`${describeError(error)}, expected all of its groups`, error);
    }
  }
}

async function* startWith(
  first: IteratorResult<Group>,
  rest: AsyncGenerator<Group>,
): AsyncGenerator<Group> {
  try {
    if (first.done !== true) yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}
