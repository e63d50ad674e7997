/**
 * Stands for `lib/metrics/flush/lambda-extension.ts` in a bundle whose metrics leave before the response, as
 * they do without an extension, for benches that ask what that costs.
 */

/** Finds no Extensions API. */
export function registerExtension(): Promise<undefined> {
  return Promise.resolve(undefined);
}
