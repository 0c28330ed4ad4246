// What the SDK gets when all goes well.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { HELLO, TEXT, behindGateway, client, model, textOf } from './support.mjs';

const onlyGateway = { skip: behindGateway ? false : 'needs the gateway' };
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } }];

test('a whole answer', async () => {
  const answer = await client.chat.completions.create({ model: model('ok'), messages: HELLO });
  assert.equal(answer.choices[0].message.content, TEXT);
  assert.equal(answer.usage.total_tokens, 26);
  assert.deepEqual(answer.x_unknown, { kept: [1, 2.5, 'three'] });
});

for (const behaviour of ['ok', 'crlf', 'nospace', 'comments', 'bytes.size-7', 'bytes.size-1', 'no-done', 'cookies']) {
  test(`a stream of ${behaviour} is the same text`, async () => {
    const stream = await client.chat.completions.create({ model: model(behaviour), messages: HELLO, stream: true });
    assert.equal(await textOf(stream), TEXT);
  });
}

test('id: and retry: fields are not relayed', onlyGateway, async () => {
  const stream = await client.chat.completions.create({ model: model('chatty'), messages: HELLO, stream: true });
  assert.equal(await textOf(stream), TEXT);
});

test('an event of two megabytes', async () => {
  const stream = await client.chat.completions.create({ model: model('big'), messages: HELLO, stream: true });
  assert.equal((await textOf(stream)).length, 2 * 1024 * 1024);
});

test('usage comes exactly once when asked for, and never unasked', async () => {
  for (const [include_usage, times] of [[true, 1], [false, 0]]) {
    const stream = await client.chat.completions.create({
      model: model('ok'), messages: HELLO, stream: true, stream_options: { include_usage },
    });
    const told = [];
    for await (const chunk of stream) if (chunk.usage) told.push(chunk);
    assert.equal(told.length, times);
    for (const chunk of told) assert.deepEqual(chunk.choices, []);
  }
});

test('parallel tool calls, whole', async () => {
  const answer = await client.chat.completions.create({ model: model('tools'), messages: HELLO, tools });
  assert.deepEqual(answer.choices[0].message.tool_calls.map((call) => call.function.name), ['get_weather', 'get_time']);
});

test('parallel tool calls, streamed and accumulated by the SDK', async () => {
  const stream = client.chat.completions.stream({ model: model('tools'), messages: HELLO, tools });
  const calls = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
  assert.deepEqual(JSON.parse(calls[0].function.arguments), { city: 'Köln' });
  assert.deepEqual(JSON.parse(calls[1].function.arguments), { zone: 'Europe/Berlin' });
});

test('a tool call without arguments has an empty object', async () => {
  const answer = await client.chat.completions.create({ model: model('tool-without-arguments'), messages: HELLO, tools });
  assert.equal(answer.choices[0].message.tool_calls[0].function.arguments, '{}');
});

test('structured output', async () => {
  const plan = z.object({ title: z.string(), steps: z.array(z.object({ number: z.number().int() })) });
  const answer = await client.chat.completions.parse({
    model: model('schema'), messages: HELLO, response_format: zodResponseFormat(plan, 'plan'),
  });
  assert.deepEqual(answer.choices[0].message.parsed, { title: 'Grüße', steps: [{ number: 7 }] });
});

test('embeddings, in base64 by default and as floats when asked', async () => {
  for (const encoding_format of [undefined, 'float']) {
    const answer = await client.embeddings.create({ model: model('ok'), input: ['one', 'two'], encoding_format });
    assert.deepEqual(answer.data[1].embedding, [0.25, -0.5, 0.125, 1]);
  }
});

test('completions, whole and streamed', async () => {
  const whole = await client.completions.create({ model: model('ok'), prompt: 'Hello' });
  assert.equal(whole.choices[0].text, TEXT);
  let text = '';
  for await (const chunk of await client.completions.create({ model: model('ok'), prompt: 'Hello', stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal(text, TEXT);
});

test('models are listed', async () => {
  const ids = [];
  for await (const entry of client.models.list()) ids.push(entry.id);
  assert.ok(ids.some((id) => id.endsWith('ok')), ids.join());
});

test('a listed model can be retrieved', onlyGateway, async () => {
  const { data } = await client.models.list();
  assert.equal((await client.models.retrieve(data[0].id)).id, data[0].id);
});

test('the headers name who served', onlyGateway, async () => {
  const { data, response } = await client.chat.completions.create({ model: model('ok'), messages: HELLO }).withResponse();
  assert.equal(response.headers.get('x-weir-provider'), 'up');
  assert.equal(response.headers.get('x-weir-model'), 'ok');
  assert.equal(response.headers.get('x-weir-attempts'), '1');
  assert.equal(data._request_id, response.headers.get('x-request-id'));
  assert.ok(Number(response.headers.get('x-ratelimit-remaining-requests')) >= 0);
});
