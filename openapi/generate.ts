/**
 * `npm run openapi`: writes openapi.json.
 */

import { readFile, writeFile } from "node:fs/promises";
import { describeApi } from "./document.ts";

const root = new URL("../", import.meta.url);
const { version } = JSON.parse(await readFile(new URL("package.json", root), "utf8")) as {
  version: string;
};
const text = `${JSON.stringify(describeApi(version), null, 2)}\n`;
await writeFile(new URL("openapi.json", root), text);
