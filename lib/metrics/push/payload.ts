/**
 * The body of a push: an environment's families and, behind them, three of the protocol's own.
 */

import { formatHeader } from "./sample-lines.ts";
import type { FormattedFamily } from "./totals.ts";

/** Numbers the pushes of one incarnation, for people who look at the Pushgateway. */
export const PUSH_SEQUENCE = "metrics_push_sequence";
/** 1 when nothing will ever be pushed under this instance again. */
export const CLOSED = "metrics_closed";
/** Sample lines before it. It is the last family: a group without it holds a body that was cut. */
export const PAYLOAD_SAMPLES = "metrics_payload_samples";

/** Families that belong to the protocol and never show on the aggregated page. */
export const PROTOCOL_FAMILIES: ReadonlySet<string> = new Set([
  PUSH_SEQUENCE,
  CLOSED,
  PAYLOAD_SAMPLES,
]);

export interface Payload {
  readonly families: readonly FormattedFamily[];
  /** 1 for the first push of an incarnation. */
  readonly sequence: number;
  /** Final: may be said only of a payload that nothing will follow. */
  readonly isClosing: boolean;
}

/** The text of a payload, in the Prometheus text format 0.0.4. */
export function formatPayload({ families, sequence, isClosing }: Payload): string {
  let text = "";
  let samples = 2;
  for (const family of families) {
    text += family.text;
    samples += family.samples;
  }
  return (
    text +
    formatOwn(PUSH_SEQUENCE, "Number of this push in its incarnation.", sequence) +
    formatOwn(CLOSED, "1 when nothing more will be pushed here.", isClosing ? 1 : 0) +
    formatOwn(PAYLOAD_SAMPLES, "Samples before this one: shows that the body is whole.", samples)
  );
}

function formatOwn(name: string, help: string, value: number): string {
  return `${formatHeader(name, "gauge", help)}${name} ${value}\n`;
}
