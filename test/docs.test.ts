import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const ROOT = join(import.meta.dirname, "..");
const PAGES = [
  "README.md",
  ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`),
].filter((name) => name.endsWith(".md"));
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const parameters = (
  parse(read("serverless.yml"), { logLevel: "silent" }) as { params: { default: object } }
).params.default;

describe.each(PAGES)("%s", (page) => {
  it("links to files and headings that are there", () => {
    const links = [...withoutCode(read(page)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)];
    const broken = links.map(([, link = ""]) => link).filter((link) => !leadsSomewhere(page, link));
    expect(broken).toEqual([]);
  });

  it("names parameters of a deployment that there are", () => {
    const named = [...read(page).matchAll(/--param="(\w+)=/g)].map(([, name]) => name);
    expect(named.filter((name) => !Object.hasOwn(parameters, name ?? ""))).toEqual([]);
  });

  it("names files that there are", () => {
    const named = [
      ...read(page).matchAll(
        /`((?:lib|functions|local|ops|test|docs|bench)\/[\w./-]+\.(?:ts|mjs|yml|json|md))`/g,
      ),
    ].map(([, path = ""]) => path);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

function leadsSomewhere(page: string, link: string): boolean {
  const [path = "", heading] = link.split("#");
  const target = path === "" ? page : relative(ROOT, join(ROOT, dirname(page), path));
  if (!existsSync(join(ROOT, target))) return false;
  return heading === undefined || headingsOf(target).includes(heading);
}

/** As GitHub makes anchors of headings. */
function headingsOf(page: string): string[] {
  return [...withoutCode(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[^]*?^```/gm, "");
}
