import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { watchPage } from "./page-watch.ts";

it("watching a page finds every counter and bucket that fell, and no gauge", async () => {
  const pages = [[1, 10, 5], [3, 8, 4], undefined, [2, 11, 1]].map((values) =>
    values === undefined
      ? undefined
      : `# TYPE a_total counter\na_total{k="x"} ${values[0]}\n# TYPE b histogram\nb_bucket{le="1"} ${values[1]}\n# TYPE c gauge\nc ${values[2]}\n`,
  );
  let served = 0;
  const isOver = Promise.withResolvers<void>();
  const server = createServer((_, response) => {
    const page = pages[served];
    served += 1;
    if (served > pages.length) isOver.resolve();
    response.writeHead(page === undefined ? 503 : 200).end(page);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const watch = watchPage({
    url: `http://127.0.0.1:${port}`,
    intervalMs: 1,
    readers: 1,
    prefix: "",
  });
  await isOver.promise;
  const report = await watch.stop();
  expect(report.pages).toBe(3);
  expect(report.gaps).toBeGreaterThanOrEqual(1);
  expect(report.decreases).toBe(2);
  expect(report.examples).toEqual(['b_bucket{le="1"}: 10, then 8', 'a_total{k="x"}: 3, then 2']);
  // A fall counts as a start from 0, as it does in PromQL.
  expect(report.increases.get("a_total")).toBe(2 + 2);
});
