/**
 * Groups as the Pushgateway's page shows them in protobuf: half the bytes of its JSON, and numbers
 * that need no parsing. The page is one snapshot too, but by family: no group is whole before the page
 * is, and there is none while one inconsistent group breaks it.
 * @see https://github.com/prometheus/docs/blob/main/docs/instrumenting/exposition_formats.md#protobuf-format
 */

import { createPageGroups } from "./page-groups.ts";
import { readFamilies } from "./protobuf-families.ts";
import type { GroupFormat } from "./read-groups.ts";

const MEDIA_TYPE = "application/vnd.google.protobuf";

/**
 * The protobuf form. It tells what `jsonGroups` does, but a family's help is that of any one group:
 * the page has one for all.
 */
export const protobufGroups: GroupFormat = {
  path: "/metrics",
  accept: `${MEDIA_TYPE};proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8`,
  /**
   * Its end must be told by more than the end of the connection, since a page that is cut between two
   * families looks whole.
   */
  checkHead({ "content-type": type = "nothing", ...headers }) {
    if (!type.startsWith(MEDIA_TYPE)) throw new Error(`an answer of ${type}`);
    const { "content-length": length, "transfer-encoding": encoding } = headers;
    if (length === undefined && encoding === undefined) throw new Error("an answer of no length");
  },
  async *parse(body, job) {
    const page = createPageGroups(job);
    await readFamilies(body, page);
    yield* page.groups();
  },
};
