import { describe, expect, it } from "vitest";
import { latencies, momentOf, rates } from "../../../local/pages/dashboard/history.ts";
import { parsePage } from "../../../local/pages/dashboard/series.ts";

const at = (seconds: number, text: string) => momentOf(parsePage(text), seconds);

describe("rates", () => {
  const moments = [
    at(0, 'api_requests_total{method="GET",endpoint="/trades",status_code="200"} 10\n'),
    at(
      2,
      'api_requests_total{method="GET",endpoint="/trades",status_code="200"} 14\napi_requests_total{method="GET",endpoint="/symbols",status_code="200"} 5\napi_requests_total{method="GET",endpoint="/metrics",status_code="200"} 99\n',
    ),
    at(
      4,
      'api_requests_total{method="GET",endpoint="/trades",status_code="200"} 14\napi_requests_total{method="GET",endpoint="/symbols",status_code="200"} 6\n',
    ),
  ];

  it("are increases a second, of traffic alone; none where a series was not there before", () => {
    expect(rates(moments, ({ requests }) => requests)).toEqual([
      { label: "GET /trades", values: [2, 0] },
      { label: "GET /symbols", values: [null, 0.5] },
    ]);
  });

  it("leave out what never moved, unless it is always wanted", () => {
    expect(rates(moments, ({ records }) => records)).toEqual([]);
    expect(rates(moments, ({ records }) => records, { always: true })).toEqual([
      { label: "produced", values: [0, 0] },
      { label: "consumed", values: [0, 0] },
    ]);
  });
});

it("latencies are quantiles of what came between two moments", () => {
  const bucket = (le: string, count: number) =>
    `api_request_duration_seconds_bucket{endpoint="/trades",le="${le}"} ${count}\n`;
  const moments = [
    at(0, bucket("0.1", 100) + bucket("1", 100) + bucket("+Inf", 100)),
    at(2, bucket("0.1", 100) + bucket("1", 110) + bucket("+Inf", 110)),
    at(4, bucket("0.1", 100) + bucket("1", 110) + bucket("+Inf", 110)),
  ];
  expect(latencies(moments, [0.5])).toEqual([{ label: "p50", values: [0.55, null] }]);
});
