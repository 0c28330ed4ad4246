"""openai-python's Responses."""

import json

import httpx
import openai
import pytest
from conftest import API_KEY, BASE_URL, ERROR_WORDS, TEXT, THOUGHTS, WEATHER_SCHEMA, every_format
from pydantic import BaseModel

TOOL = {"type": "function", "name": "get_weather", "parameters": WEATHER_SCHEMA, "strict": False}


class Place(BaseModel):
    city: str
    degrees: int


@pytest.fixture(scope="module")
def client():
    with openai.OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=30) as client:
        yield client


@every_format
def test_create(client, target):
    answer = client.responses.create(model=f"p-{target}/story-text", input="Hello", store=False)
    assert answer.output_text == TEXT
    assert answer.status == "completed"
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (12, 7, 19)


@every_format
def test_stream(client, target):
    with client.responses.stream(model=f"p-{target}/story-text", input="Hello", store=False) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert "".join(deltas) == TEXT
    assert len(deltas) > 1
    assert final.output_text == TEXT
    assert final.usage.output_tokens == 7


@every_format
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_and_its_result(client, target, stream):
    model = f"p-{target}/story-tool"
    items = [{"role": "user", "content": "How is the weather?"}]
    if stream:
        with client.responses.stream(model=model, input=items, tools=[TOOL], store=False) as events:
            answer = events.get_final_response()
    else:
        answer = client.responses.create(model=model, input=items, tools=[TOOL], store=False)
    call = next(item for item in answer.output if item.type == "function_call")
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Oslo"})
    # As agents do: everything that was given goes back, with the result behind it.
    items += [item.model_dump(exclude_none=True, include=None) for item in answer.output]
    items.append({"type": "function_call_output", "call_id": call.call_id, "output": "8 degrees"})
    answer = client.responses.create(model=model, input=items, tools=[TOOL], store=False)
    assert answer.output_text == TEXT


@every_format
@pytest.mark.parametrize("stream", [False, True])
def test_parse(client, target, stream):
    asked = {"model": f"p-{target}/story-json", "input": "Where?", "text_format": Place, "store": False}
    if stream:
        with client.responses.stream(**asked) as events:
            answer = events.get_final_response()
    else:
        answer = client.responses.parse(**asked)
    assert answer.output_parsed == Place(city="Grüße", degrees=7)


@every_format
def test_thoughts_are_a_reasoning_item(client, target):
    answer = client.responses.create(
        model=f"p-{target}/story-think", input="Hello", store=False, include=["reasoning.encrypted_content"],
        reasoning={"effort": "low", "summary": "auto"},
    )
    reasoning = next(item for item in answer.output if item.type == "reasoning")
    assert reasoning.summary[0].text == THOUGHTS
    assert answer.output_text == TEXT


@every_format
def test_what_was_thought_goes_back(client, target):
    model = f"p-{target}/story-think"
    first = client.responses.create(model=model, input="Hello", store=False, include=["reasoning.encrypted_content"])
    items = [{"role": "user", "content": "Hello"}]
    items += [item.model_dump(exclude_none=True) for item in first.output]
    items.append({"role": "user", "content": "And now?"})
    assert client.responses.create(model=model, input=items, store=False).output_text == TEXT


@every_format
def test_the_limit_is_told(client, target):
    answer = client.responses.create(model=f"p-{target}/story-length", input="Hello", max_output_tokens=16, store=False)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")


@every_format
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_raised_with_the_vendors_words(client, target, stream):
    with pytest.raises(openai.RateLimitError) as raised:
        client.responses.create(model=f"p-{target}/story-error", input="Hello", stream=stream, store=False)
    assert ERROR_WORDS in raised.value.message
    assert raised.value.response.headers["retry-after"] == "7"


@every_format
def test_a_stream_that_breaks_off_is_told(client, target):
    kinds = []
    with pytest.raises((openai.APIError, httpx.RemoteProtocolError)):
        for event in client.responses.create(model=f"p-{target}/story-cut", input="Hello", stream=True, store=False):
            kinds.append(event.type)
    assert "response.output_text.delta" in kinds
    assert "response.completed" not in kinds
    assert kinds[-1] in ("response.failed", "error")
