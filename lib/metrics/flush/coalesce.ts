/**
 * One run at a time: calls that come while one is under way share the next, which begins when it ends.
 */

/**
 * Makes a task run one at a time. Each call is answered by a run that began after it.
 * @param run must not reject.
 * @param combine what one run is told that answers two calls.
 */
export function coalesce<Options, Result>(
  run: (options: Options) => Promise<Result>,
  combine: (one: Options, other: Options) => Options,
): (options: Options) => Promise<Result> {
  let running: Promise<Result> | undefined;
  let next: Waiting<Options, Result> | undefined;

  const begin = (options: Options): Promise<Result> => {
    const result = run(options).finally(() => {
      if (running === result) running = undefined;
    });
    running = result;
    return result;
  };

  return (options) => {
    if (next !== undefined) {
      next.options = combine(next.options, options);
      return next.result;
    }
    if (running === undefined) return begin(options);
    const waiting: Waiting<Options, Result> = {
      options,
      result: running.then(() => {
        next = undefined;
        return begin(waiting.options);
      }),
    };
    next = waiting;
    return waiting.result;
  };
}

interface Waiting<Options, Result> {
  options: Options;
  readonly result: Promise<Result>;
}
