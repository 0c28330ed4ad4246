"""LiteLLM as a client, by OpenAI's format and by Anthropic's."""

import json

import litellm
import pytest
from conftest import API_KEY, BASE_URL, ROOT_URL, TEXT, WEATHER_SCHEMA, every_format

litellm.telemetry = False
litellm.suppress_debug_info = True

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather.", "parameters": WEATHER_SCHEMA}}
by_prefix = pytest.mark.parametrize("prefix", ["openai", "anthropic"])


def ask(prefix, model, **more):
    base = BASE_URL if prefix == "openai" else ROOT_URL
    return litellm.completion(
        model=f"{prefix}/{model}", api_base=base, api_key=API_KEY, num_retries=0, max_retries=0, max_tokens=100, timeout=30,
        **({"messages": HELLO} | more),
    )


@every_format
@by_prefix
def test_a_whole_answer(prefix, target):
    answer = ask(prefix, f"p-{target}/story-text")
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 7)


@every_format
@by_prefix
def test_a_stream(prefix, target):
    chunks = list(ask(prefix, f"p-{target}/story-text", stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == TEXT
    usage = next(chunk.usage for chunk in reversed(chunks) if getattr(chunk, "usage", None))
    assert (usage.prompt_tokens, usage.completion_tokens) == (12, 7)


@every_format
@by_prefix
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_and_its_result(prefix, target, stream):
    answer = ask(prefix, f"p-{target}/story-tool", tools=[TOOL], stream=stream)
    if stream:
        answer = litellm.stream_chunk_builder(list(answer), messages=HELLO)
    message = answer.choices[0].message
    [call] = message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "Oslo"})
    turns = [*HELLO, message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "8 degrees"}]
    assert ask(prefix, f"p-{target}/story-tool", tools=[TOOL], messages=turns).choices[0].message.content == TEXT


@every_format
@by_prefix
def test_a_refusal_is_raised(prefix, target):
    with pytest.raises(litellm.RateLimitError):
        ask(prefix, f"p-{target}/story-error")


@every_format
def test_a_stream_that_breaks_off_raises(target):
    with pytest.raises(Exception) as raised:
        list(ask("openai", f"p-{target}/story-cut", stream=True))
    assert type(raised.value).__module__.startswith("litellm."), raised.value
