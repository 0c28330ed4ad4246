"""What the SDK gets when all goes well: whole and streamed, sync and async, on every endpoint."""

import json

import openai
import pytest
from pydantic import BaseModel

TEXT = "Grüße, 世界! Hello from the upstream 🌍."
HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_whole_answer(client, model):
    answer = client.chat.completions.create(model=model("ok"), messages=HELLO)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (19, 7)


def test_unknown_fields_of_the_answer_arrive(client, model):
    answer = client.chat.completions.create(model=model("ok"), messages=HELLO)
    assert answer.x_unknown == {"kept": [1, 2.5, "three"]}


@pytest.mark.anyio
async def test_a_whole_answer_async(async_client, model):
    answer = await async_client.chat.completions.create(model=model("ok"), messages=HELLO)
    assert answer.choices[0].message.content == TEXT


@pytest.mark.parametrize(
    "behaviour",
    ["ok", "crlf", "nospace", "comments", "named", "bytes.size-7", "bytes.size-1", "dribble.size-11", "no-done", "no-blank", "cookies"],
)
def test_a_stream_is_the_same_text_however_the_upstream_writes_it(client, model, behaviour):
    with client.chat.completions.create(model=model(behaviour), messages=HELLO, stream=True) as stream:
        assert text_of(stream) == TEXT


@pytest.mark.gateway
def test_id_and_retry_fields_that_break_the_sdk_are_not_relayed(client, model):
    with client.chat.completions.create(model=model("chatty"), messages=HELLO, stream=True) as stream:
        assert text_of(stream) == TEXT


@pytest.mark.anyio
async def test_a_stream_async(async_client, model):
    stream = await async_client.chat.completions.create(model=model("ok"), messages=HELLO, stream=True)
    assert text_of([chunk async for chunk in stream]) == TEXT


def test_an_event_of_two_megabytes(client, model):
    with client.chat.completions.create(model=model("big"), messages=HELLO, stream=True) as stream:
        assert len(text_of(stream)) == 2 * 1024 * 1024


def test_usage_comes_exactly_once_when_asked_for(client, model):
    options = {"include_usage": True}
    stream = client.chat.completions.create(model=model("ok"), messages=HELLO, stream=True, stream_options=options)
    chunks = list(stream)
    told = [chunk for chunk in chunks if chunk.usage is not None]
    assert len(told) == 1 and told[0] is chunks[-1] and told[0].choices == []
    assert told[0].usage.total_tokens == 26


@pytest.mark.parametrize("options", [openai.omit, {"include_usage": False}])
def test_usage_never_comes_unasked(client, model, options):
    stream = client.chat.completions.create(model=model("ok"), messages=HELLO, stream=True, stream_options=options)
    chunks = list(stream)
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_parallel_tool_calls(client, model):
    answer = client.chat.completions.create(model=model("tools"), messages=HELLO, tools=[WEATHER])
    calls = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert json.loads(calls[0].function.arguments) == {"city": "Köln"}


def test_parallel_tool_calls_streamed(client, model):
    calls = {}
    for chunk in client.chat.completions.create(model=model("tools"), messages=HELLO, tools=[WEATHER], stream=True):
        for part in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(part.index, {"id": None, "name": None, "arguments": ""})
            call["id"] = call["id"] or part.id
            call["name"] = call["name"] or part.function.name
            call["arguments"] += part.function.arguments or ""
    assert [calls[index]["name"] for index in (0, 1)] == ["get_weather", "get_time"]
    assert [json.loads(calls[index]["arguments"]) for index in (0, 1)] == [{"city": "Köln"}, {"zone": "Europe/Berlin"}]
    assert calls[0]["id"] != calls[1]["id"]


def test_the_stream_helper_accumulates_tool_calls(client, model):
    with client.chat.completions.stream(model=model("tools"), messages=HELLO, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        message = stream.get_final_completion().choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["get_weather", "get_time"]


class Step(BaseModel):
    explanation: str
    number: int


class Plan(BaseModel):
    title: str
    steps: list[Step]


def test_structured_output(client, model):
    answer = client.chat.completions.parse(model=model("schema"), messages=HELLO, response_format=Plan)
    assert answer.choices[0].message.parsed == Plan(title="Grüße", steps=[Step(explanation="Grüße", number=7)])


def test_structured_output_streamed(client, model):
    with client.chat.completions.stream(model=model("schema"), messages=HELLO, response_format=Plan) as stream:
        plan = stream.get_final_completion().choices[0].message.parsed
    assert plan.steps[0].number == 7


def test_the_schema_reaches_the_upstream_with_its_keys_in_order(client, model, upstream, own):
    name = own("schema")
    client.chat.completions.parse(model=name, messages=HELLO, response_format=Plan)
    body = upstream.requests(name)[-1]["body"]
    assert body.index('"explanation"') < body.index('"number"') < body.index('"steps"')


@pytest.mark.parametrize("form", [openai.omit, "float", "base64"])
def test_embeddings(client, model, form):
    answer = client.embeddings.create(model=model("ok"), input=["one", "two"], encoding_format=form)
    assert [item.index for item in answer.data] == [0, 1]
    if form != "base64":
        assert answer.data[1].embedding == [0.25, -0.5, 0.125, 1.0]
    assert answer.usage.prompt_tokens == 16


def test_completions(client, model):
    answer = client.completions.create(model=model("ok"), prompt="Hello")
    assert answer.choices[0].text == TEXT
    stream = client.completions.create(model=model("ok"), prompt="Hello", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == TEXT


def test_models_are_listed(client):
    ids = [entry.id for entry in client.models.list()]
    assert any(one.endswith("ok") for one in ids)


@pytest.mark.gateway
def test_a_listed_model_can_be_retrieved(client):
    listed = client.models.list().data[0]
    assert client.models.retrieve(listed.id) == listed


@pytest.mark.gateway
def test_the_answers_headers_name_who_served(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model("ok"), messages=HELLO)
    assert raw.headers["x-weir-provider"] == "up"
    assert raw.headers["x-weir-model"] == "ok"
    assert raw.headers["x-weir-attempts"] == "1"
    assert raw.parse()._request_id == raw.headers["x-request-id"] != "req_upstream"
    assert int(raw.headers["x-ratelimit-limit-requests"]) > int(raw.headers["x-ratelimit-remaining-requests"]) >= 0
    assert raw.headers["x-ratelimit-reset-requests"]


@pytest.mark.gateway
def test_a_streams_headers_name_who_served(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model("ok"), messages=HELLO, stream=True)
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["x-weir-provider"] == "up"
    assert raw.headers["x-request-id"]
    assert text_of(raw.parse()) == TEXT


def test_a_long_prompt(client, model):
    long = [{"role": "user", "content": "überlang " * 200_000}]
    assert client.chat.completions.create(model=model("ok"), messages=long).choices[0].message.content == TEXT
