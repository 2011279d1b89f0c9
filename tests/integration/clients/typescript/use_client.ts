// Uses the generated types and openapi-fetch: creates, reads, lists and cancels payments, and prints it as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { env: Record<string, string> };

const { CHECKOUT_URL, TOKEN, RUN } = process.env;
const api = createClient<paths>({ baseUrl: CHECKOUT_URL, headers: { Authorization: `Bearer ${TOKEN}` } });
const order = {
  user_id: `user_${RUN}`,
  quote_id: "quote_1",
  amount: 12000,
  currency: "SGD",
  product_name: "Travel insurance",
  locale: "zh-SG",
} as const;

async function create(fields: Partial<components["schemas"]["NewPayment"]>) {
  const { data, error } = await api.POST("/payments", { body: { ...order, ...fields } });
  const code: components["schemas"]["Error"]["code"] | null = error ? error.error.code : null;
  return { data, code };
}

async function page(cursor: string | null): Promise<components["schemas"]["PaymentList"]> {
  const { data, error } = await api.GET("/payments", { params: { query: { user_id: order.user_id, limit: 2, cursor } } });
  if (error) throw new Error(error.error.message);
  return data;
}

async function pages(): Promise<string[][]> {
  const found: string[][] = [];
  let cursor: string | null = null;
  do {
    const { payments, next_cursor } = await page(cursor);
    found.push(payments.map((payment) => payment.payment_intent_id));
    cursor = next_cursor;
  } while (cursor !== null);
  return found;
}

const ids = ["a", "b", "c"].map((name) => `payment_${RUN}_${name}`);
const created = [];
for (const id of ids) created.push((await create({ payment_intent_id: id })).data);
const first = created[0]!;
const read = await api.GET("/payments/{payment_intent_id}", { params: { path: { payment_intent_id: ids[0]! } } });
if (read.error) throw new Error(read.error.error.message);
const waited = await api.GET("/payments/{payment_intent_id}", {
  params: { path: { payment_intent_id: ids[0]! }, query: { wait: 25, after: read.data.version - 1 } },
});
const missing = await api.GET("/payments/{payment_intent_id}", { params: { path: { payment_intent_id: "none" } } });
const readiness = await api.GET("/readyz");
const found = await pages();
const canceled = await api.POST("/payments/{payment_intent_id}/cancel", {
  params: { path: { payment_intent_id: ids[0]! } },
});
if (canceled.error) throw new Error(canceled.error.error.message);
await create({ payment_intent_id: `payment_${RUN}_d`, user_id: "another", supersedes: [ids[1]!] });
const superseded = await api.GET("/payments/{payment_intent_id}", { params: { path: { payment_intent_id: ids[1]! } } });

console.log(
  JSON.stringify({
    link: first.link.url.startsWith("http"),
    ends: new Date(first.link.expires_at) > new Date(),
    status: read.data.payment_status,
    currency: read.data.currency,
    locale: read.data.locale,
    final: read.data.final,
    payable: read.data.payable,
    dispute: read.data.dispute_status,
    history: read.data.history.length,
    waited: waited.data?.version === read.data.version,
    pages: found.map((page) => page.length),
    listed: found.flat().sort().join() === ids.sort().join(),
    too_large: (await create({ amount: 1_000_000_000_000 })).code,
    unknown_currency: (await create({ currency: "abc" })).code,
    missing: missing.error?.error.code,
    canceled: [canceled.data.payment_status, canceled.data.status_reason],
    superseded: superseded.data?.status_reason,
    gets_no_link: (await create({ payment_intent_id: ids[0]! })).code,
    ready: readiness.data?.status,
  }),
);
