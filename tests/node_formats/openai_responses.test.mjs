// openai-node's Responses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { API_KEY, BASE_URL, ERROR_WORDS, FORMATS, TEXT } from './support.mjs';

const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0, timeout: 30_000 });
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const tools = [{ type: 'function', name: 'get_weather', parameters, strict: false }];
const Place = z.object({ city: z.string(), degrees: z.number().int() });

for (const format of FORMATS) {
  const asked = (story, more = {}) => ({ model: `p-${format}/${story}`, input: 'Hello', store: false, ...more });

  test(`${format}: a whole answer`, async () => {
    const answer = await client.responses.create(asked('story-text'));
    assert.equal(answer.output_text, TEXT);
    assert.deepEqual([answer.usage.input_tokens, answer.usage.output_tokens], [12, 7]);
  });

  test(`${format}: a stream`, async () => {
    let text = '';
    const kinds = [];
    for await (const event of await client.responses.create(asked('story-text', { stream: true }))) {
      kinds.push(event.type);
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    assert.equal(text, TEXT);
    assert.equal(kinds.at(-1), 'response.completed');
  });

  for (const streamed of [false, true]) {
    test(`${format}: a tool and its result (streamed: ${streamed})`, async () => {
      const input = [{ role: 'user', content: 'The weather?' }];
      const first = asked('story-parallel', { input, tools });
      const answer = streamed ? await client.responses.stream(first).finalResponse() : await client.responses.create(first);
      const calls = answer.output.filter((item) => item.type === 'function_call');
      assert.deepEqual(calls.map((call) => JSON.parse(call.arguments)), [{ city: 'Oslo' }, { city: 'Bergen' }]);
      const results = calls.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: '8 degrees' }));
      const history = answer.output.map(({ parsed_arguments, ...item }) => item);
      const second = await client.responses.create({ ...first, input: [...input, ...history, ...results] });
      assert.equal(second.output_text, TEXT);
    });
  }

  test(`${format}: structured output`, async () => {
    const answer = await client.responses.parse(asked('story-json', { text: { format: zodTextFormat(Place, 'place') } }));
    assert.deepEqual(answer.output_parsed, { city: 'Grüße', degrees: 7 });
  });

  test(`${format}: a refusal is raised with the vendor's words`, async () => {
    await assert.rejects(client.responses.create(asked('story-error', { stream: true })), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError, `${error}`);
      assert.ok(error.message.includes(ERROR_WORDS), error.message);
      return true;
    });
  });

  test(`${format}: a stream that breaks off is told`, async () => {
    const kinds = [];
    await assert.rejects(async () => {
      for await (const event of await client.responses.create(asked('story-cut', { stream: true }))) kinds.push(event.type);
    });
    assert.ok(kinds.includes('response.output_text.delta'), kinds.join());
    assert.ok(['response.failed', 'error'].includes(kinds.at(-1)), kinds.join());
  });
}
