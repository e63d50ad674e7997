export { handler } from "k2-trades/scrape-metrics";
