import { expect, it } from "vitest";
import { parsePage, quantileOf, sumBy } from "../../../local/pages/dashboard/series.ts";

it("reads samples with their labels, escapes and all, and leaves comments out", () => {
  const page = parsePage(
    '# TYPE a_total counter\na_total 3\nb{x="1",y="q\\"\\\\\\n, {z}"} 0.5\nc_bucket{le="+Inf"} 7\nno sample\n',
  );
  expect(page).toEqual([
    { name: "a_total", labels: {}, value: 3 },
    { name: "b", labels: { x: "1", y: 'q"\\\n, {z}' }, value: 0.5 },
    { name: "c_bucket", labels: { le: "+Inf" }, value: 7 },
  ]);
});

it("adds up by labels, of what is wanted", () => {
  const page = parsePage(
    'a{m="GET",s="200"} 1\na{m="GET",s="500"} 2\na{m="POST",s="200"} 4\nb{m="GET"} 8\n',
  );
  expect([...sumBy(page, "a", ["m"])]).toEqual([
    ["GET", 3],
    ["POST", 4],
  ]);
  expect([...sumBy(page, "a")]).toEqual([["", 7]]);
  expect([...sumBy(page, "a", ["m"], ({ s }) => s === "200")]).toEqual([
    ["GET", 1],
    ["POST", 4],
  ]);
  expect([...sumBy(page, "none")]).toEqual([]);
});

it.each([
  [0.5, { "1": 10, "2": 20, "+Inf": 20 }, 1],
  [0.75, { "1": 10, "2": 20, "+Inf": 20 }, 1.5],
  [0.5, { "+Inf": 4, "2": 2, "1": 0 }, 2],
  // As PromQL has it: the largest finite bound when the rank is above all of them.
  [0.99, { "1": 1, "+Inf": 100 }, 1],
  [0.5, { "1": 0, "+Inf": 0 }, undefined],
  [0.5, {}, undefined],
])("the %d quantile of %o is %s", (q, counts, expected) => {
  expect(quantileOf(q, new Map(Object.entries(counts)))).toBe(expected);
});
