/**
 * Progress of something long: a bar with rate and time left on a terminal, a plain line every few
 * seconds anywhere else.
 */

import { MultiBar } from "cli-progress";

export interface Progress {
  /**
   * @param done of `total`, in whatever unit the total is.
   * @param count of the things people count, for the rate.
   */
  update(done: number, count: number): void;
  /** Prints a line without breaking the bar. */
  note(line: string): void;
  /** Removes the bar. Safe to call twice. */
  stop(): void;
}

export interface ProgressOptions {
  readonly label: string;
  /** More than zero. */
  readonly total: number;
  /** What is counted, in the plural: `trades`. */
  readonly things: string;
  /** Where it begins; that much does not count as speed. Default 0 of both. */
  readonly from?: { readonly done: number; readonly count: number };
  /** Default: standard error, so that results can be piped. */
  readonly stream?: NodeJS.WriteStream;
  /** Milliseconds, monotonic. */
  readonly now?: () => number;
}

const LINE_EVERY_MS = 3_000;
/** The rate is that of the last seconds, since the first ones are slower. */
const WINDOW_MS = 10_000;

export function startProgress(options: ProgressOptions): Progress {
  const { label, total, things, stream = process.stderr, now = () => performance.now() } = options;
  const pace = measurePace({ at: now(), ...(options.from ?? { done: 0, count: 0 }) });
  const print = stream.isTTY ? startBar(options, stream) : startLines(stream, now);
  return {
    update: (done, count) => {
      const { perSecond, secondsLeft } = pace({ at: now(), done, count }, total);
      const percent = Math.min(100, Math.floor((100 * done) / total));
      const rate = `${formatCount(perSecond)} ${things}/s`;
      const left = secondsLeft === undefined ? "" : `, ${formatDuration(secondsLeft)} left`;
      const text = `${percent} %, ${formatCount(count)} ${things}, ${rate}${left}`;
      print.update(done, `${label}: ${text}`, text);
    },
    note: (line) => print.note(line),
    stop: () => print.stop(),
  };
}

/** 12345.6 → `12,346`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** 3725 → `1:02:05`, 65 → `1:05`, 5 → `0:05`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const [first = 0, ...others] = parts[0] === 0 ? parts.slice(1) : parts;
  return [first, ...others.map((part) => String(part).padStart(2, "0"))].join(":");
}

interface Moment {
  readonly at: number;
  readonly done: number;
  readonly count: number;
}

interface Printer {
  update(done: number, line: string, text: string): void;
  note(line: string): void;
  stop(): void;
}

/** Rate and time left over the last `WINDOW_MS`. */
function measurePace(start: Moment) {
  const moments: Moment[] = [start];
  return (moment: Moment, total: number) => {
    moments.push(moment);
    while (moments.length > 2 && moment.at - (moments[1]?.at ?? 0) > WINDOW_MS) moments.shift();
    const first = moments[0] ?? moment;
    const seconds = (moment.at - first.at) / 1_000;
    const speed = seconds > 0 ? (moment.done - first.done) / seconds : 0;
    return {
      perSecond: seconds > 0 ? (moment.count - first.count) / seconds : 0,
      secondsLeft: speed > 0 ? (total - moment.done) / speed : undefined,
    };
  };
}

function startBar(options: ProgressOptions, stream: NodeJS.WriteStream): Printer {
  const bars = new MultiBar({
    stream,
    format: `${options.label} [{bar}] {text}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
    emptyOnZero: true,
    linewrap: false,
    gracefulExit: false,
  });
  const bar = bars.create(options.total, 0, { text: "" });
  return {
    update: (done, _line, text) => bar.update(done, { text }),
    note: (line) => bars.log(`${line}\n`),
    stop: () => bars.stop(),
  };
}

function startLines(stream: NodeJS.WriteStream, now: () => number): Printer {
  let printedAt = now();
  return {
    update: (_done, line) => {
      if (now() - printedAt < LINE_EVERY_MS) return;
      printedAt = now();
      stream.write(`${line}\n`);
    },
    note: (line) => void stream.write(`${line}\n`),
    stop: () => {},
  };
}
