/**
 * The dashboard in the browser: reads `/metrics` every two seconds, as Prometheus does, and draws what
 * changed. Nothing is kept but the last five minutes.
 */

import { openChart } from "./chart.ts";
import { showCounters } from "./counters.ts";
import { latencies, momentOf, rates, type Moment } from "./history.ts";
import { showNow } from "./now.ts";
import { offerRoutes } from "./routes.ts";
import { parsePage, type Series } from "./series.ts";

const INTERVAL_MS = 2_000;
const TIMEOUT_MS = 10_000;
const MAX_MOMENTS = 150;

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
};

const perSecond = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value.toPrecision(2);
const milliseconds = (seconds: number): string => `${Number((seconds * 1_000).toPrecision(3))} ms`;
const chart = (title: string, unit: string, format: (value: number) => string) =>
  openChart(element("charts"), { title, unit, format });

const requests = chart("Requests by route", "a second", perSecond);
const latency = chart("Latency", "in the handler", milliseconds);
const kafka = chart("Kafka", "records a second", perSecond);
const invocations = chart("Invocations by function", "a second", perSecond);

const moments: Moment[] = [];
let isPaused = false;

function draw(page: readonly Series[]): void {
  const times = moments.slice(1).map(({ at }) => at);
  requests.draw(
    times,
    rates(moments, (moment) => moment.requests),
  );
  latency.draw(times, latencies(moments, [0.5, 0.9, 0.99]));
  kafka.draw(
    times,
    rates(moments, (moment) => moment.records, { always: true }),
  );
  invocations.draw(
    times,
    rates(moments, (moment) => moment.invocations),
  );
  showNow(element("now"), page, moments);
  showCounters(element("counters"), page);
}

async function read(): Promise<void> {
  const answer = await fetch("/dashboard/metrics", { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`/metrics answers ${answer.status}`);
  const page = parsePage(await answer.text());
  moments.push(momentOf(page, Date.now() / 1_000));
  if (moments.length > MAX_MOMENTS) moments.shift();
  draw(page);
}

function say(state: "live" | "lost" | "paused", words: string): void {
  const status = element("status");
  status.dataset["state"] = state;
  // Told to screen readers when it changes, not at every page.
  if (status.textContent !== words) status.textContent = words;
}

async function run(): Promise<never> {
  for (;;) {
    if (!isPaused && !document.hidden) {
      try {
        await read();
        say("live", "Live, every 2 seconds");
      } catch (error) {
        say(
          "lost",
          `No page: ${error instanceof Error ? error.message : String(error)}. Counts are kept.`,
        );
      }
    }
    await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
  }
}

function toggle(button: HTMLElement, isOn: boolean): void {
  button.setAttribute("aria-pressed", String(isOn));
}

element("pause").addEventListener("click", ({ currentTarget }) => {
  isPaused = !isPaused;
  toggle(currentTarget as HTMLElement, isPaused);
  if (isPaused) say("paused", "Paused");
});

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = (): boolean => {
  const chosen = document.documentElement.dataset["theme"];
  return chosen === undefined ? systemDark.matches : chosen === "dark";
};
toggle(element("theme"), isDark());
element("theme").addEventListener("click", ({ currentTarget }) => {
  document.documentElement.dataset["theme"] = isDark() ? "light" : "dark";
  toggle(currentTarget as HTMLElement, isDark());
});

void offerRoutes({ list: element("routes"), status: element("answer"), body: element("body") });
void run();
