/**
 * Stands for a pusher where there is no Pushgateway: sums grow, and nothing is sent.
 */

import type { Pusher } from "./pusher.ts";

export const pushNowhere: Pusher = {
  push: () => Promise.resolve(false),
  lastPushes: () => [],
};
