/**
 * Requests that several callers share. What is asked for while others are under way goes out
 * together, so that a batch of many symbols with a few trades each does not cost requests for each.
 * A failure stays with the caller whose things caused it.
 */

import { setImmediate as nextTurn } from "node:timers/promises";

export interface SharedRequestsOptions<T> {
  /** Most things in one request. */
  readonly size: number;
  /** Most requests at a time. */
  readonly width: number;
  readonly send: (things: readonly T[]) => Promise<unknown>;
  /** True for failures that have nothing to do with what was sent. */
  readonly isForAll: (failure: unknown) => boolean;
}

/**
 * Sends a caller's things, in no order. After a request with some of them failed no further one is
 * begun for this caller; what runs is awaited, then that failure is thrown.
 */
export type Share<T> = (things: readonly T[]) => Promise<void>;

interface Order<T> {
  /** Not yet sent. */
  rest: readonly T[];
  requestsUnderWay: number;
  readonly failures: unknown[];
  readonly done: PromiseWithResolvers<void>;
}

/** What one request has of one order. */
interface Part<T> {
  readonly order: Order<T>;
  readonly things: readonly T[];
}

/** Opens a queue of its own; nothing is kept in it once every caller has an answer. */
export function shareRequests<T>(options: SharedRequestsOptions<T>): Share<T> {
  const { size, width } = options;
  const queue: Order<T>[] = [];
  let workers = 0;
  const work = async () => {
    // Those who ask at the same time are waited for.
    await nextTurn();
    for (let parts = take(queue, size); parts.length > 0; parts = take(queue, size))
      await sendParts(parts, options);
    workers -= 1;
  };
  return (things) => {
    if (things.length === 0) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    queue.push({ rest: things, requestsUnderWay: 0, failures: [], done });
    for (let wanted = Math.ceil(things.length / size); wanted > 0 && workers < width; wanted -= 1) {
      workers += 1;
      void work();
    }
    return done.promise;
  };
}

/** Takes what one request holds, first come, first served. */
function take<T>(queue: Order<T>[], size: number): Part<T>[] {
  const parts: Part<T>[] = [];
  let room = size;
  for (let order = queue[0]; order !== undefined && room > 0; order = queue[0]) {
    const hasFailed = order.failures.length > 0;
    if (!hasFailed) {
      const things = order.rest.slice(0, room);
      order.rest = order.rest.slice(room);
      order.requestsUnderWay += 1;
      room -= things.length;
      parts.push({ order, things });
    }
    if (hasFailed || order.rest.length === 0) queue.shift();
  }
  return parts;
}

/** Never throws. Of a shared request that failed each part is sent again by itself. */
async function sendParts<T>(
  parts: readonly Part<T>[],
  { send, isForAll }: SharedRequestsOptions<T>,
): Promise<void> {
  try {
    await send(parts.flatMap(({ things }) => things));
    for (const { order } of parts) settle(order, []);
  } catch (failure) {
    for (const { order, things } of parts) {
      const isItsOwn = parts.length === 1 || isForAll(failure);
      settle(order, isItsOwn ? [failure] : await failuresOf(send(things)));
    }
  }
}

async function failuresOf(answer: Promise<unknown>): Promise<unknown[]> {
  return answer.then(
    () => [],
    (failure: unknown) => [failure],
  );
}

function settle<T>(order: Order<T>, failures: readonly unknown[]): void {
  order.failures.push(...failures);
  order.requestsUnderWay -= 1;
  if (order.requestsUnderWay > 0) return;
  if (order.failures.length > 0) order.done.reject(order.failures[0]);
  else if (order.rest.length === 0) order.done.resolve();
}
