export { handler } from "k2-trades/retire-environments";
