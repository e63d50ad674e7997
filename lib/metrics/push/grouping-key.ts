/**
 * The grouping key in a push URL: `job` and further labels, as path segments that every Pushgateway
 * (and the proxies before it) decodes to the same key.
 */

import { ServiceError } from "../../errors.ts";
import type { LabelSet } from "../family.ts";

const LABEL_NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The path of a group: `/metrics/job/…/label/…`, `job` first, the other labels in the given order.
 * A value goes percent-encoded; one that is empty, holds `/` or is a dot segment goes as
 * `label@base64/…`, since it could not stand as a path segment (Go's router cleans `.` and `..` away,
 * also when they are percent-encoded).
 * @param key label names and values; `job` is required and not empty, other values may be empty.
 * @throws {ServiceError} `INVALID_METRIC` when `job` is missing, a label name is not one, or a value
 *   is no well-formed Unicode: one group with such a value makes a Pushgateway refuse every later push.
 * @see https://github.com/prometheus/pushgateway#url
 */
export function groupPath(key: LabelSet): string {
  const { job = "", ...others } = key;
  if (job === "") throw invalid("a job that is not empty", key);
  const segments = [["job", job] as const, ...Object.entries(others)].map(([name, value]) => {
    if (!LABEL_NAME.test(name)) throw invalid(`label names like ${LABEL_NAME.source}`, key);
    if (!value.isWellFormed()) throw invalid("values of well-formed Unicode", key);
    return isPlainSegment(value)
      ? `${name}/${encodeURIComponent(value)}`
      : `${name}@base64/${Buffer.from(value).toString("base64url") || "="}`;
  });
  return `/metrics/${segments.join("/")}`;
}

function isPlainSegment(value: string): boolean {
  return value !== "" && value !== "." && value !== ".." && !value.includes("/");
}

function invalid(expected: string, key: LabelSet): ServiceError {
  return new ServiceError(
    "INVALID_METRIC",
    `grouping key ${JSON.stringify(key)}: expected ${expected}`,
  );
}
