/**
 * The library's producer, each of whose tries is told to the request it is made for: its events say of
 * no try which records it is of.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type * as Kafka from "@platformatic/kafka";
import type { Producer, ProducerOptions } from "@platformatic/kafka";
import type { RequestTries } from "./kafka-tries.ts";

export interface WatchedProducer {
  readonly producer: Producer;
  /** Runs what asks something of the producer, and tells the request of each try that comes of it. */
  readonly watched: <T>(request: RequestTries, act: () => T) => T;
}

/**
 * Makes one. All that the library tries goes through two of its methods, meant for subclasses. What is
 * called back there is called from whichever socket answered, and so is bound to who asked.
 */
export function createWatchedProducer(
  kafka: typeof Kafka,
  options: ProducerOptions<Buffer, Buffer, Buffer, Buffer>,
): WatchedProducer {
  const requests = new AsyncLocalStorage<RequestTries>();

  class Watched extends kafka.Producer {
    override [kafka.kPerformWithRetry]<T>(
      name: string,
      operation: (done: Kafka.Callback<T>, tries: number) => void,
      callback: Kafka.CallbackWithPromise<T>,
      attempt = 0,
      ...rest: [errors?: Error[], shouldSkipRetry?: (error: Error) => boolean, retryLimit?: number]
    ): void | Promise<T> {
      const request = requests.getStore();
      // A later try is given what the first one made of it.
      if (request === undefined || attempt > 0)
        return super[kafka.kPerformWithRetry](name, operation, callback, attempt, ...rest);
      const watched: typeof operation = (done, tries) => {
        request.begun(name);
        const told: typeof done = (failure, result) => {
          if (failure) request.failed(name, tries + 1, failure);
          done(failure, result);
        };
        requests.run(request, () => operation(told, tries));
      };
      const bound = AsyncLocalStorage.bind(callback);
      return super[kafka.kPerformWithRetry](name, watched, bound, attempt, ...rest);
    }

    override [kafka.kPerformDeduplicated]<T>(
      name: string,
      operation: (callback: Kafka.CallbackWithPromise<T>) => void,
      callback: Kafka.CallbackWithPromise<T>,
    ): void | Promise<T> {
      return super[kafka.kPerformDeduplicated](name, operation, AsyncLocalStorage.bind(callback));
    }
  }

  return {
    producer: new Watched(options),
    watched: (request, act) => requests.run(request, act),
  };
}
