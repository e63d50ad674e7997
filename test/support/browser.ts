/**
 * Chromium without a window, for the pages. Debian has it (apt-get install chromium); tests are skipped
 * where it is missing, but never in CI.
 */

import { chromium, type Browser } from "playwright-core";
import { findProgram } from "../../local/find-pushgateway.ts";

const PROGRAM = findProgram(["chromium", "chromium-browser", "google-chrome"], process.env["PATH"]);

export const isBrowserMissing = process.env["CI"] === undefined && PROGRAM === undefined;

/** Starts one. @throws {Error} where there is none. */
export async function openBrowser(): Promise<Browser> {
  if (PROGRAM === undefined) throw new Error("chromium is not installed");
  // As root, as in most containers, it has no sandbox.
  return chromium.launch({ executablePath: PROGRAM, args: ["--no-sandbox"] });
}
