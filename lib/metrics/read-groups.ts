/**
 * Reads all groups of a job from a Pushgateway, as one snapshot: whole or not at all.
 */

import type { IncomingMessage } from "node:http";
import { ServiceError } from "../errors.ts";
import type { Group, Snapshot } from "./family.ts";
import {
  describeError,
  readAnswer,
  type Connection,
  type Patience,
} from "./pushgateway-connection.ts";
import { jsonGroups } from "./read-groups-json.ts";

/** One of the forms in which a Pushgateway tells its groups. */
export interface GroupFormat {
  readonly path: string;
  readonly accept: string;
  /**
   * The groups of a job, in the order in which they arrive; those of other jobs are dropped at once.
   * @throws {Error} for anything that is not a whole, well-formed answer.
   */
  parse(body: AsyncIterable<Buffer>, job: string): AsyncIterable<Group>;
}

export interface ReadOptions extends Patience {
  readonly connection: Connection;
  /** Of the Pushgateway, without credentials. */
  readonly url: string;
  readonly job: string;
  readonly redact: (text: string) => string;
}

/**
 * Asks for the groups; they are parsed while they are iterated.
 * `takenAtSeconds` is when the Pushgateway began to answer, in whole seconds: for a big answer that
 * is later than the moment its groups were copied, by the time it took to write them down.
 * @throws {ServiceError} `READ_FAILED`, also while iterating, naming URL and cause.
 */
export async function readSnapshot(
  options: ReadOptions,
  format: GroupFormat = jsonGroups,
): Promise<Snapshot> {
  const { connection, url, job, timeoutMs, signal, redact } = options;
  const failed = (what: string, cause?: unknown) => {
    const detail = redact(`read of ${url}${format.path}: ${what}`);
    return new ServiceError("READ_FAILED", detail, cause === undefined ? {} : { cause });
  };
  const headers = { accept: format.accept };
  const request = { method: "GET", path: format.path, headers, timeoutMs, signal } as const;
  const exchange = await connection.exchange(request);
  if ("failure" in exchange) throw failed(`${exchange.failure}, expected its groups`);
  const { response } = exchange;
  if (response.statusCode !== 200) {
    const { excerpt } = await readAnswer(response);
    throw failed(`status ${response.statusCode}${excerpt}, expected 200`);
  }
  const takenAtSeconds = Date.parse(response.headers.date ?? "") / 1_000;
  if (Number.isNaN(takenAtSeconds)) {
    response.destroy();
    throw failed(`Date header ${response.headers.date ?? "missing"}, expected the time`);
  }
  return { pushgateway: url, takenAtSeconds, groups: groupsOf(response) };

  async function* groupsOf(body: IncomingMessage): AsyncGenerator<Group> {
    try {
      yield* format.parse(body, job);
    } catch (error) {
      throw failed(`${describeError(error)}, expected all of its groups`, error);
    }
  }
}
