/**
 * Requests that several callers share. What is asked for while others are under way goes out
 * together, so that a batch of many symbols with a few trades each does not cost requests for each.
 */

import { setImmediate as nextTurn } from "node:timers/promises";

export interface SharedRequestsOptions<T> {
  /** Most things in one request. */
  readonly size: number;
  /** Most requests at a time. */
  readonly width: number;
  readonly send: (things: readonly T[]) => Promise<unknown>;
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
  failures: unknown[];
  readonly done: PromiseWithResolvers<void>;
}

/** Opens a queue of its own; nothing is kept in it once every caller has an answer. */
export function shareRequests<T>({ size, width, send }: SharedRequestsOptions<T>): Share<T> {
  const queue: Order<T>[] = [];
  let workers = 0;
  const work = async () => {
    // Those who ask at the same time are waited for.
    await nextTurn();
    while (queue.length > 0) {
      const { things, orders } = takeFrom(queue, size);
      if (things.length === 0) break;
      const failures = await send(things).then(
        () => [],
        (error: unknown) => [error],
      );
      for (const order of orders) settle(order, failures);
    }
    workers -= 1;
  };
  return (things) => {
    if (things.length === 0) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    const order: Order<T> = { rest: things, requestsUnderWay: 0, failures: [], done };
    queue.push(order);
    for (let wanted = Math.ceil(things.length / size); wanted > 0 && workers < width; wanted -= 1) {
      workers += 1;
      void work();
    }
    return done.promise;
  };
}

/** Takes the things of one request, first come, first served. */
function takeFrom<T>(queue: Order<T>[], size: number): { things: T[]; orders: Order<T>[] } {
  const things: T[] = [];
  const orders: Order<T>[] = [];
  for (let order = queue[0]; order !== undefined && things.length < size; order = queue[0]) {
    const room = size - things.length;
    if (order.failures.length === 0) {
      things.push(...order.rest.slice(0, room));
      order.requestsUnderWay += 1;
      orders.push(order);
      order.rest = order.rest.slice(room);
    }
    if (order.rest.length === 0 || order.failures.length > 0) queue.shift();
  }
  return { things, orders };
}

function settle<T>(order: Order<T>, failures: readonly unknown[]): void {
  order.failures.push(...failures);
  order.requestsUnderWay -= 1;
  if (order.requestsUnderWay > 0) return;
  if (order.failures.length > 0) order.done.reject(order.failures[0]);
  else if (order.rest.length === 0) order.done.resolve();
}
