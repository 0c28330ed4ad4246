"""pydantic-ai, by Chat Completions and by Responses. Its Anthropic side does not take this version of Anthropic's SDK yet."""

import httpx
import pytest
from conftest import API_KEY, BASE_URL, TEXT, every_format, forcing_format
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

pytestmark = pytest.mark.anyio
by_api = pytest.mark.parametrize("api", ["chat", "responses"])

# The SDK below would try refusals again by itself. Each test has an event loop of its own, and so no connection is kept.
CLIENT = AsyncOpenAI(
    base_url=BASE_URL, api_key=API_KEY, max_retries=0, http_client=httpx.AsyncClient(limits=httpx.Limits(max_keepalive_connections=0))
)


class Place(BaseModel):
    city: str
    degrees: int


def agent(api, target, story, **more):
    name = f"p-{target}/{story}"
    kind = OpenAIChatModel if api == "chat" else OpenAIResponsesModel
    model = kind(name, provider=OpenAIProvider(openai_client=CLIENT))
    settings = {"openai_store": False} if api == "responses" else {}
    return Agent(model, model_settings=settings, instructions="Be brief.", **more)


@every_format
@by_api
async def test_run(api, target):
    answer = await agent(api, target, "story-text").run("Hello")
    assert answer.output == TEXT
    usage = answer.usage
    assert (usage.input_tokens, usage.output_tokens) == (12, 7)


@every_format
@by_api
async def test_stream(api, target):
    async with agent(api, target, "story-text").run_stream("Hello") as stream:
        pieces = [piece async for piece in stream.stream_text(delta=True, debounce_by=None)]
    assert "".join(pieces) == TEXT


@every_format
@by_api
@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_and_answered(api, target, stream):
    asked = []
    helper = agent(api, target, "story-tool")

    @helper.tool_plain
    def get_weather(city: str) -> str:
        asked.append(city)
        return "8 degrees"

    if stream:
        async with helper.run_stream("The weather?") as events:
            output = await events.get_output()
    else:
        output = (await helper.run("The weather?")).output
    assert (asked, output) == (["Oslo"], TEXT)


@forcing_format
@by_api
async def test_structured_output(api, target):
    answer = await agent(api, target, "story-json", output_type=Place).run("Where?")
    assert answer.output == Place(city="Grüße", degrees=7)


@every_format
@by_api
async def test_a_refusal_is_raised(api, target):
    with pytest.raises(ModelHTTPError) as raised:
        await agent(api, target, "story-error").run("Hello")
    assert raised.value.status_code == 429
