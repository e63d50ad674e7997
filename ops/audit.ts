/**
 * Asks the registry what is known against the packages that run in production; any finding fails it.
 * A registry without such a list leaves them unchecked, which is said and does not fail it.
 */

import { spawnSync } from "node:child_process";

interface Finding {
  readonly severity: string;
  /** Advisories of the package itself, and names of packages it has a finding from. */
  readonly via: readonly (string | { readonly title: string; readonly url: string })[];
}

/** What `npm audit --json` writes: a report, or why there is none. */
interface Answer {
  readonly auditReportVersion?: number;
  readonly vulnerabilities?: Readonly<Record<string, Finding>>;
  readonly metadata?: { readonly dependencies: { readonly prod: number } };
  readonly statusCode?: number;
  readonly message?: string;
  readonly error?: { readonly summary?: string };
}

const TIMEOUT_MS = 120_000;
/** What a registry answers that was never taught the question. */
const NO_LIST: ReadonlySet<number> = new Set([404, 405, 501]);

const npm = spawnSync("npm", ["audit", "--omit=dev", "--json"], {
  encoding: "utf8",
  timeout: TIMEOUT_MS,
});
const { isPassed, lines } = judge(JSON.parse(npm.stdout) as Answer);
process.stdout.write(lines.map((line) => `${line}\n`).join(""));
process.exitCode = isPassed ? 0 : 1;

function judge(answer: Answer): { readonly isPassed: boolean; readonly lines: readonly string[] } {
  const { auditReportVersion, vulnerabilities = {}, metadata, statusCode = 0 } = answer;
  if (auditReportVersion === undefined) {
    const reason = answer.message ?? answer.error?.summary ?? "npm gave no reason";
    return NO_LIST.has(statusCode)
      ? {
          isPassed: true,
          lines: [`NOT AUDITED: the registry has no list of advisories: ${reason}`],
        }
      : { isPassed: false, lines: [`the audit failed: ${reason}`] };
  }
  const findings = Object.entries(vulnerabilities);
  const packages = metadata?.dependencies.prod ?? 0;
  const total = `audited ${packages} packages of production: ${findings.length} findings`;
  return {
    isPassed: findings.length === 0,
    lines: [...findings.map(([name, finding]) => describe(name, finding)), total],
  };
}

function describe(name: string, { severity, via }: Finding): string {
  const causes = via.map((one) => (typeof one === "string" ? one : `${one.title} (${one.url})`));
  return `${name}: ${severity}: ${causes.join("; ")}`;
}
