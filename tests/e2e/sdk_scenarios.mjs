// What a program does with the TypeScript SDK: `node sdk_scenarios.mjs URL MODEL SCENARIO...` prints what came of it as JSON.
// The scenarios, their names and results are those of sdk_scenarios.py.

import Anthropic from "@anthropic-ai/sdk";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";

const HELLO = [{ role: "user", content: "Say hello." }];
const WEATHER = [
  {
    name: "get_weather",
    description: "Get the weather of a city",
    input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
];
const LONG = Number(process.env.LONG_ANSWER ?? 4000); // tokens; a real model is given less
const SHORT = Math.min(LONG, 200);
const THINKING = LONG > 1024 ? { type: "enabled", budget_tokens: 1024 } : { type: "adaptive" };
const CITY = {
  type: "object",
  properties: { name: { type: "string" }, people: { type: "integer" } },
  required: ["name", "people"],
  additionalProperties: false,
};
const KEPT = ["type", "text", "thinking", "signature", "id", "name", "input"];

const [url, model, ...wanted] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: "dummy", maxRetries: 0, timeout: 60_000 });
const hello = { model, max_tokens: SHORT, messages: HELLO };

function summary(message) {
  const texts = message.content.filter((block) => block.type === "text").map((block) => block.text);
  return {
    id: message.id,
    type: message.type,
    role: message.role,
    model: message.model,
    stop_reason: message.stop_reason,
    stop_sequence: message.stop_sequence,
    blocks: message.content.map((block) => Object.fromEntries(KEPT.filter((key) => block[key] != null).map((key) => [key, block[key]]))),
    text: texts.join(""),
    input_tokens: message.usage.input_tokens,
    output_tokens: message.usage.output_tokens,
  };
}

function history(first) {
  const calls = first.content.filter((block) => block.type === "tool_use");
  const results = calls.map((block) => ({ type: "tool_result", tool_use_id: block.id, content: `sunny in ${block.input.city}` }));
  return [...HELLO, { role: "assistant", content: first.content }, { role: "user", content: results }];
}

async function failed(act) {
  try {
    return { class: "", result: JSON.stringify(await act()) };
  } catch (failure) {
    const told = failure.error?.error ?? {};
    return {
      class: failure.constructor.name,
      status: failure.status ?? null,
      type: told.type ?? null,
      message: told.message ?? failure.message,
      request_id: failure.requestID ?? null,
    };
  }
}

const asked = { model, max_tokens: LONG, tools: WEATHER, thinking: THINKING };
const betas = ["context-1m-2025-08-07", "unknown-2099-01-01"];

const scenarios = {
  async create() {
    const message = await client.messages.create(hello);
    return { ...summary(message), request_id: message._request_id };
  },
  async stream() {
    const pieces = [];
    const events = client.messages.stream(hello).on("text", (text) => pieces.push(text));
    return { ...summary(await events.finalMessage()), pieces: pieces.length, joined: pieces.join("") };
  },
  async raw_stream() {
    const events = [];
    for await (const event of await client.messages.create({ ...hello, stream: true })) events.push(event.type);
    return { events };
  },
  async stop() {
    return summary(await client.messages.create({ ...hello, stop_sequences: ["END"] }));
  },
  async tools() {
    const first = await client.messages.stream({ ...asked, messages: HELLO }).finalMessage();
    const second = await client.messages.stream({ ...asked, messages: history(first) }).finalMessage();
    return { first: summary(first), second: summary(second) };
  },
  async tools_whole() {
    const first = await client.messages.create({ ...asked, messages: HELLO });
    return { first: summary(first), second: summary(await client.messages.create({ ...asked, messages: history(first) })) };
  },
  async call() {
    const forced = { ...hello, tools: WEATHER, tool_choice: { type: "tool", name: "get_weather" } };
    return summary(await client.messages.stream(forced).finalMessage());
  },
  async think() {
    return summary(await client.messages.stream({ ...hello, max_tokens: LONG, thinking: THINKING }).finalMessage());
  },
  async parse() {
    const message = await client.messages.parse({ ...hello, output_config: { format: jsonSchemaOutputFormat(CITY) } });
    return { parsed: message.parsed_output };
  },
  async beta() {
    const whole = await client.beta.messages.create({ ...hello, betas });
    const streamed = await client.beta.messages.stream({ ...hello, betas }).finalMessage();
    return { whole: summary(whole), streamed: summary(streamed) };
  },
  async count() {
    const short = await client.messages.countTokens({ model, messages: HELLO });
    const more = await client.messages.countTokens({ model, messages: HELLO, tools: WEATHER });
    return { short: short.input_tokens, with_tools: more.input_tokens };
  },
  async models() {
    const listed = [];
    for await (const entry of client.models.list()) listed.push(entry);
    const one = await client.models.retrieve(listed[0].id);
    return { ids: listed.map((entry) => entry.id), type: one.type, retrieved: one.id, named: Boolean(one.display_name) };
  },
  error: () => failed(() => scenarios.create()),
  error_in_stream: () => failed(() => scenarios.stream()),
  files: () => failed(() => client.beta.files.list()),
  batches: () => failed(() => client.messages.batches.list()),
  async concurrently() {
    const streams = Array.from({ length: 10 }, () => client.messages.stream(hello).finalText());
    return { texts: await Promise.all(streams) };
  },
};

const results = [];
for (const scenario of wanted) results.push(await scenarios[scenario]());
console.log(JSON.stringify(results));
