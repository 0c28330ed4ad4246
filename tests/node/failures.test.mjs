// What the SDK raises, retries and gives up on; and that the upstream learns of a client that went.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { HELLO, behindGateway, client, own, textOf, upstreamRequests, upstreamSaw } from './support.mjs';

const onlyGateway = { skip: behindGateway ? false : 'needs the gateway' };
const ask = (name, more = {}, options = {}) => client.chat.completions.create({ model: name, messages: HELLO, ...more }, options);

const classes = [
  [400, OpenAI.BadRequestError], [404, OpenAI.NotFoundError], [408, OpenAI.APIError], [409, OpenAI.ConflictError],
  [422, OpenAI.UnprocessableEntityError], [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError],
  [503, OpenAI.InternalServerError], [529, OpenAI.InternalServerError],
];
for (const [status, kind] of classes) {
  for (const stream of [false, true]) {
    test(`a refusal with ${status} is raised as its class with its body (stream: ${stream})`, async () => {
      await assert.rejects(ask(own(`status.code-${status}`), { stream }), (error) => {
        assert.ok(error instanceof kind, `${error}`);
        assert.equal(error.status, status);
        assert.equal(error.code, `scripted_${status}`);
        return true;
      });
    });
  }
}

test('a wrong credential', onlyGateway, async () => {
  const stranger = client.withOptions({ apiKey: 'sk-weir-nobody' });
  await assert.rejects(stranger.chat.completions.create({ model: 'up/ok', messages: HELLO }), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError, `${error}`);
    assert.equal(error.code, 'invalid_api_key');
    return true;
  });
});

test('an unknown model', onlyGateway, async () => {
  await assert.rejects(ask('no-such-model'), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError, `${error}`);
    assert.equal(error.code, 'model_not_found');
    return true;
  });
});

for (const behaviour of ['html.code-502', 'status.code-503.body-empty', 'close', 'reset', 'error-200']) {
  test(`${behaviour} before the answer is an error in the envelope`, onlyGateway, async () => {
    await assert.rejects(ask(own(behaviour), { stream: true }), (error) => {
      assert.ok(error instanceof OpenAI.APIError && error.status >= 500, `${error}`);
      assert.ok(error.error.message);
      return true;
    });
  });
}

for (const behaviour of ['cut.every-40', 'reset-mid.every-40', 'error-event.every-40']) {
  test(`a stream that breaks raises: ${behaviour}`, async () => {
    const stream = await ask(own(behaviour), { stream: true });
    await assert.rejects(textOf(stream));
  });
}

for (const behaviour of ['cut.every-40', 'reset-mid.every-40', 'end.every-40', 'error-event.every-40']) {
  test(`a stream that breaks raises what the error event says: ${behaviour}`, onlyGateway, async () => {
    const stream = await ask(own(behaviour), { stream: true });
    await assert.rejects(textOf(stream), OpenAI.APIError);
  });
}

test("the SDK's timeout ends the call at the upstream too", async () => {
  const name = own('hang');
  await assert.rejects(ask(name, {}, { timeout: 500 }), OpenAI.APIConnectionTimeoutError);
  await upstreamSaw(name, 'client_gone');
});

test('the SDK retries and honours retry-after-ms', async () => {
  const name = own('status.code-429.retry-after-ms-400.times-2');
  const started = Date.now();
  const answer = await ask(name, {}, { maxRetries: 2 });
  assert.ok(answer.choices[0].message.content);
  assert.equal((await upstreamRequests(name)).length, 3);
  assert.ok(Date.now() - started >= 800);
});

test('the SDK obeys x-should-retry', async () => {
  const name = own('status.code-429.x-should-retry-false.times-1');
  await assert.rejects(ask(name, {}, { maxRetries: 2 }), OpenAI.RateLimitError);
  assert.equal((await upstreamRequests(name)).length, 1);
});

test('leaving a stream early ends it at the upstream', async () => {
  const name = own('slow');
  const stream = await ask(name, { stream: true });
  for await (const _ of stream) break;
  await upstreamSaw(name, 'client_gone');
});

test('aborting a call that was not answered yet ends it at the upstream', async () => {
  const name = own('hang');
  const abort = new AbortController();
  const answer = ask(name, {}, { signal: abort.signal });
  await upstreamSaw(name, 'going');
  abort.abort();
  await assert.rejects(answer, OpenAI.APIUserAbortError);
  await upstreamSaw(name, 'client_gone');
});
