// What both files of the suite need. The model of a request chooses what the scripted upstream does
// (tests/kit/src/upstream/catalogue.rs); a tag makes a name, and with it the upstream's count of refusals, a test's own.
import OpenAI from 'openai';

export const TEXT = 'Grüße, 世界! Hello from the upstream 🌍.';
export const HELLO = [{ role: 'user', content: 'Hello' }];
export const behindGateway = process.env.WEIR_DIRECT === undefined;

const prefix = process.env.WEIR_MODEL_PREFIX ?? '';
const upstreamUrl = process.env.WEIR_UPSTREAM_URL;
let tags = 0;

export const client = new OpenAI({
  baseURL: process.env.WEIR_BASE_URL,
  apiKey: process.env.WEIR_API_KEY,
  maxRetries: 0,
  timeout: 30_000,
});

export const model = (behaviour) => prefix + behaviour;
export const own = (behaviour) => `${prefix}${behaviour}.tag-js${process.pid}x${tags++}`;

export async function upstreamRequests(name) {
  const seen = await (await fetch(`${upstreamUrl}/_requests`)).json();
  return seen.filter((one) => one.model === name.slice(prefix.length));
}

export async function upstreamSaw(name, outcome) {
  const deadline = Date.now() + 20_000;
  let seen = [];
  while (Date.now() < deadline) {
    seen = await upstreamRequests(name);
    if (seen.at(-1)?.outcome === outcome) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no request for ${name} ended with ${outcome}: ${JSON.stringify(seen)}`);
}

export async function textOf(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
  return text;
}
