/**
 * The grouping key in a push URL, decoded as the Pushgateway does.
 * @see https://github.com/prometheus/pushgateway#url
 */

import type { LabelSet } from "../../lib/metrics/family.ts";

/** A key, or why there is none, to be answered with 400. */
export type GroupUrl = { readonly key: LabelSet } | { readonly problem: string };

const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;
const BASE64_SUFFIX = "@base64";

/**
 * Decodes a path such as `/metrics/job/x/label@base64/eQ`.
 * @returns `undefined` when it is not the path of a group.
 */
export function parseGroupUrl(path: string): GroupUrl | undefined {
  const text = decodePath(path);
  if (text === undefined) return { problem: "400 Bad Request" };
  const {
    suffix = "",
    job = "",
    labels = "",
  } = /^\/metrics\/job(?<suffix>@base64)?\/(?<job>[^/]+)(?<labels>\/.*)?$/s.exec(text)?.groups ??
  {};
  if (job === "") return undefined;
  const value = suffix === "" ? job : decodeBase64(job);
  if (value === undefined) return { problem: `invalid base64 encoding in job name ${quote(job)}` };
  const others = parseLabels(labels);
  if ("problem" in others) return others;
  if (value === "") return { problem: "job name is required" };
  return { key: { ...others.key, job: value } };
}

function parseLabels(text: string): GroupUrl {
  const parts = text.length <= 1 ? [] : text.slice(1).split("/");
  if (parts.length % 2 !== 0) {
    return { problem: `odd number of components in label string ${quote(text)}` };
  }
  const key: Record<string, string> = {};
  for (let i = 0; i < parts.length; i += 2) {
    const [segment = "", value = ""] = parts.slice(i, i + 2);
    const isEncoded = segment.endsWith(BASE64_SUFFIX);
    const name = isEncoded ? segment.slice(0, -BASE64_SUFFIX.length) : segment;
    if (!LABEL_NAME.test(name)) return { problem: `improper label name ${quote(name)}` };
    const decoded = isEncoded ? decodeBase64(value) : value;
    if (decoded === undefined) {
      return { problem: `invalid base64 encoding for label ${name}=${quote(value)}` };
    }
    key[name] = decoded;
  }
  return { key };
}

/** The path as text. What is no UTF-8 is refused, where a real one stores it and is broken by it. */
function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** URL-safe base64; padding and line ends are ignored. */
function decodeBase64(text: string): string | undefined {
  const digits = text.replace(/=+$/, "").replace(/[\r\n]/g, "");
  if (!/^[\w-]*$/.test(digits) || digits.length % 4 === 1) return undefined;
  return Buffer.from(digits, "base64url").toString();
}

function quote(text: string): string {
  return JSON.stringify(text);
}
