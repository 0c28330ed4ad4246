// The AI SDK: @ai-sdk/openai by Responses, which is its default, and by Chat Completions; @ai-sdk/anthropic.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { API_KEY, BASE_URL, ERROR_WORDS, FORMATS, TEXT, THOUGHTS } from './support.mjs';

const openai = createOpenAI({ baseURL: BASE_URL, apiKey: API_KEY });
const anthropic = createAnthropic({ baseURL: BASE_URL, apiKey: API_KEY });
// Nothing is kept at a gateway that translates, so that Responses must bring all of its history.
const providerOptions = { openai: { store: false } };
const dialects = { responses: (id) => openai(id), chat: (id) => openai.chat(id), messages: (id) => anthropic(id) };
const Place = z.object({ city: z.string(), degrees: z.number().int() });

for (const [dialect, model] of Object.entries(dialects)) {
  for (const format of FORMATS) {
    const asked = (story, more = {}) => ({
      model: model(`p-${format}/${story}`), prompt: 'Hello', maxRetries: 0, providerOptions, ...more,
    });
    const name = (what) => `${dialect} at ${format}: ${what}`;

    test(name('a whole answer'), async () => {
      const answer = await generateText(asked('story-text', { system: 'Be brief.', maxOutputTokens: 100 }));
      assert.equal(answer.text, TEXT);
      assert.equal(answer.finishReason, 'stop');
      assert.deepEqual([answer.usage.inputTokens, answer.usage.outputTokens], [12, 7]);
    });

    test(name('a stream'), async () => {
      const stream = streamText(asked('story-text', { onError: () => {} }));
      let text = '';
      for await (const piece of stream.textStream) text += piece;
      assert.equal(text, TEXT);
      assert.equal(await stream.finishReason, 'stop');
      assert.equal((await stream.usage).outputTokens, 7);
    });

    for (const streamed of [false, true]) {
      test(name(`tools are called and answered (streamed: ${streamed})`), async () => {
        const cities = [];
        const execute = async ({ city }) => {
          cities.push(city);
          return '8 degrees';
        };
        const tools = { get_weather: tool({ description: 'The weather.', inputSchema: z.object({ city: z.string() }), execute }) };
        const more = { tools, stopWhen: stepCountIs(3), onError: () => {} };
        const answer = streamed ? streamText(asked('story-parallel', more)) : await generateText(asked('story-parallel', more));
        assert.equal(await answer.text, TEXT);
        assert.deepEqual(cities, ['Oslo', 'Bergen']);
        assert.deepEqual((await answer.steps).map((step) => step.finishReason), ['tool-calls', 'stop']);
      });
    }

    test(name('tools are called with nothing set but the model'), async () => {
      // By default the AI SDK refers to thoughts as to something that was stored.
      const execute = async () => '8 degrees';
      const tools = { get_weather: tool({ description: 'The weather.', inputSchema: z.object({ city: z.string() }), execute }) };
      const answer = await generateText({ ...asked('story-parallel'), providerOptions: {}, tools, stopWhen: stepCountIs(3) });
      assert.equal(answer.text, TEXT);
    });

    test(name('structured output'), async () => {
      const question = asked('story-json', { output: Output.object({ schema: Place }) });
      if (dialect === 'messages' && format === 'ollama') {
        // By Messages it is a tool that must be called, and Ollama cannot be told so.
        await assert.rejects(generateText(question), /`tool_choice` cannot be sent to `p-ollama`/);
        return;
      }
      const answer = await generateText(question);
      assert.deepEqual(answer.output, { city: 'Grüße', degrees: 7 });
    });

    test(name('the limit is told'), async () => {
      assert.equal((await generateText(asked('story-length'))).finishReason, 'length');
    });

    test(name("a refusal is raised with the vendor's words"), async () => {
      await assert.rejects(generateText(asked('story-error')), (error) => {
        assert.ok(APICallError.isInstance(error), `${error}`);
        assert.equal(error.statusCode, 429);
        assert.equal(error.message, ERROR_WORDS);
        return true;
      });
    });

    test(name('a stream that breaks off is no success'), async () => {
      const stream = streamText(asked('story-cut', { onError: () => {} }));
      const kinds = [];
      try {
        for await (const part of stream.fullStream) kinds.push(part.type === 'finish' ? part.finishReason : part.type);
      } catch {
        kinds.push('error');
      }
      assert.ok(kinds.includes('error'), kinds.join());
      assert.ok(!kinds.includes('stop'), kinds.join());
    });

    if (dialect !== 'chat') {
      test(name('thoughts'), async () => {
        const anthropic = { thinking: { type: 'enabled', budgetTokens: 1024 } };
        const options = { openai: { ...providerOptions.openai, reasoningSummary: 'auto', forceReasoning: true }, anthropic };
        const answer = await generateText(asked('story-think', { providerOptions: options }));
        assert.equal(answer.reasoningText, THOUGHTS);
        assert.equal(answer.text, TEXT);
      });
    }
  }
}
