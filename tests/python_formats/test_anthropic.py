"""anthropic-python, which shows its key as a Bearer, and the older headers of its earlier versions."""

import anthropic
import httpx
import pytest
from conftest import API_KEY, ERROR_WORDS, ROOT_URL, TEXT, THOUGHTS, WEATHER_SCHEMA, every_format

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"name": "get_weather", "description": "The weather.", "input_schema": WEATHER_SCHEMA}


@pytest.fixture(scope="module")
def client():
    with anthropic.Anthropic(base_url=ROOT_URL, api_key=API_KEY, max_retries=0, timeout=30) as client:
        yield client


@every_format
def test_create(client, target):
    answer = client.messages.create(model=f"p-{target}/story-text", max_tokens=100, messages=HELLO, system="Be brief.")
    assert [block.text for block in answer.content] == [TEXT]
    assert answer.stop_reason == "end_turn"
    cached = answer.usage.cache_read_input_tokens or 0
    assert (answer.usage.input_tokens + cached, answer.usage.output_tokens) == (12, 7)


@every_format
def test_stream(client, target):
    with client.messages.stream(model=f"p-{target}/story-text", max_tokens=100, messages=HELLO) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(pieces) == TEXT
    assert len(pieces) > 1
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 7)


@pytest.mark.anyio
@every_format
async def test_stream_async(target):
    async with anthropic.AsyncAnthropic(base_url=ROOT_URL, api_key=API_KEY, max_retries=0) as client:
        async with client.messages.stream(model=f"p-{target}/story-text", max_tokens=100, messages=HELLO) as stream:
            assert await stream.get_final_text() == TEXT


@every_format
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_and_its_result(client, target, stream):
    asked = {"model": f"p-{target}/story-parallel", "max_tokens": 100, "tools": [TOOL]}
    if stream:
        with client.messages.stream(messages=HELLO, **asked) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(messages=HELLO, **asked)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert answer.stop_reason == "tool_use"
    assert [call.input for call in calls] == [{"city": "Oslo"}, {"city": "Bergen"}]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "8 degrees"} for call in calls]
    turns = [{"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    answer = client.messages.create(messages=HELLO + turns, **asked)
    assert answer.content[0].text == TEXT


@every_format
@pytest.mark.parametrize("stream", [False, True])
def test_thoughts(client, target, stream):
    asked = {"model": f"p-{target}/story-think", "max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    if stream:
        with client.messages.stream(messages=HELLO, **asked) as events:
            answer = events.get_final_message()
    else:
        answer = client.messages.create(messages=HELLO, **asked)
    # Gemini signs thoughts after the text has begun, which makes a second block of each in a stream.
    said = {kind: "".join(getattr(block, kind, None) or "" for block in answer.content) for kind in ("thinking", "text")}
    assert said == {"thinking": THOUGHTS, "text": TEXT}
    assert answer.content[0].type == "thinking"
    turns = [{"role": "assistant", "content": answer.content}, {"role": "user", "content": "And now?"}]
    assert client.messages.create(messages=HELLO + turns, **asked).content[-1].text == TEXT


@every_format
def test_tokens_are_counted(client, target):
    count = client.messages.count_tokens(model=f"p-{target}/story-text", messages=HELLO)
    # Only a vendor that counts can be exact.
    assert count.input_tokens == 12 if target == "anthropic" else count.input_tokens > 0


@every_format
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_raised_with_the_vendors_words(client, target, stream):
    with pytest.raises(anthropic.RateLimitError) as raised:
        client.messages.create(model=f"p-{target}/story-error", max_tokens=100, messages=HELLO, stream=stream)
    assert raised.value.body["type"] == "error"
    assert raised.value.body["error"] == {"type": "rate_limit_error", "message": ERROR_WORDS}


@every_format
def test_a_stream_that_breaks_off_raises(client, target):
    with client.messages.stream(model=f"p-{target}/story-cut", max_tokens=100, messages=HELLO) as stream:
        with pytest.raises((anthropic.APIError, httpx.HTTPError)):
            stream.get_final_message()


@every_format
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("credential", [{"x-api-key": API_KEY}, {"authorization": f"Bearer {API_KEY}"}])
def test_the_headers_of_earlier_versions(target, stream, credential):
    headers = credential | {"anthropic-version": "2023-06-01"}
    asked = {"model": f"p-{target}/story-text", "max_tokens": 100, "messages": HELLO, "stream": stream, "temperature": 0.5}
    answer = httpx.post(f"{ROOT_URL}/v1/messages?beta=true", headers=headers, json=asked)
    assert answer.status_code == 200, answer.text
    if stream:
        assert "event: message_stop" in answer.text
    else:
        assert answer.json()["content"][0]["text"] == TEXT
