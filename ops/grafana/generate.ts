/**
 * `npm run dashboard`: writes k2-trades.json, which Grafana imports or is provisioned with.
 */

import { writeFile } from "node:fs/promises";
import { makeDashboard } from "./dashboard.ts";

const text = `${JSON.stringify(makeDashboard(), null, 2)}\n`;
await writeFile(new URL("k2-trades.json", import.meta.url), text);
