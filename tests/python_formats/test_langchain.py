"""langchain-openai, by Chat Completions and by Responses."""

import httpx
import openai
import pytest
from conftest import API_KEY, BASE_URL, TEXT, every_format, forcing_format
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

# One for all, as each reads the certificates anew.
HTTP = httpx.Client(timeout=30)
by_api = pytest.mark.parametrize("responses", [False, True])


class Place(BaseModel):
    """A place."""

    city: str
    degrees: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"8 degrees in {city}"


def chat(model, responses, **more):
    return ChatOpenAI(
        model=model, base_url=BASE_URL, api_key=API_KEY, max_retries=0, timeout=30, use_responses_api=responses,
        stream_usage=True, http_client=HTTP, **({"store": False} if responses else {}), **more,
    )


def text_of(message):
    content = message.content
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@every_format
@by_api
def test_invoke(target, responses):
    answer = chat(f"p-{target}/story-text", responses).invoke("Hello")
    assert text_of(answer) == TEXT
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (12, 7)


@every_format
@by_api
def test_stream(target, responses):
    whole = None
    for chunk in chat(f"p-{target}/story-text", responses).stream("Hello"):
        whole = chunk if whole is None else whole + chunk
    assert text_of(whole) == TEXT
    assert whole.usage_metadata["total_tokens"] == 19


@every_format
@by_api
@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_and_its_result(target, responses, stream):
    model = chat(f"p-{target}/story-tool", responses, streaming=stream).bind_tools([get_weather])
    turns = [HumanMessage("The weather?")]
    answer = model.invoke(turns)
    [call] = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Oslo"})
    turns += [answer, ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"])]
    assert text_of(model.invoke(turns)) == TEXT


@every_format
@by_api
def test_structured_output_by_schema(target, responses):
    model = chat(f"p-{target}/story-json", responses).with_structured_output(Place, method="json_schema")
    assert model.invoke("Where?") == Place(city="Grüße", degrees=7)


@forcing_format
@by_api
def test_structured_output_by_function(target, responses):
    model = chat(f"p-{target}/story-json", responses).with_structured_output(Place, method="function_calling")
    assert model.invoke("Where?") == Place(city="Grüße", degrees=7)


@every_format
@by_api
def test_a_refusal_is_raised(target, responses):
    with pytest.raises(openai.RateLimitError):
        chat(f"p-{target}/story-error", responses).invoke("Hello")
