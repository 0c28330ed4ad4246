"""google-genai."""

import pytest
from conftest import API_KEY, ERROR_WORDS, ROOT_URL, TEXT, THOUGHTS, every_format, forcing_format
from google import genai
from google.genai import errors, types
from pydantic import BaseModel


class Place(BaseModel):
    city: str
    degrees: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"8 degrees in {city}"


def client_of(version):
    return genai.Client(api_key=API_KEY, http_options=types.HttpOptions(base_url=ROOT_URL, api_version=version))


@pytest.fixture(scope="module")
def client():
    return client_of("v1beta")


@every_format
@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_generate(version, target):
    client = client_of(version)
    answer = client.models.generate_content(model=f"p-{target}/story-text", contents="Hello")
    assert answer.text == TEXT
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (12, 7, 19)


@every_format
def test_stream(client, target):
    config = types.GenerateContentConfig(system_instruction="Be brief.", temperature=0.5, max_output_tokens=100)
    chunks = list(client.models.generate_content_stream(model=f"p-{target}/story-text", contents="Hello", config=config))
    assert "".join(chunk.text or "" for chunk in chunks) == TEXT
    assert len(chunks) > 1
    assert chunks[-1].usage_metadata.candidates_token_count == 7


@every_format
def test_a_function_is_called_and_answered(client, target):
    # The SDK calls the function by itself, sends its result, and gives what comes then.
    config = types.GenerateContentConfig(tools=[get_weather])
    answer = client.models.generate_content(model=f"p-{target}/story-parallel", contents="The weather?", config=config)
    assert answer.text == TEXT
    turns = answer.automatic_function_calling_history
    calls = [part.function_call.args for turn in turns for part in turn.parts if part.function_call]
    assert calls == [{"city": "Oslo"}, {"city": "Bergen"}]


@every_format
def test_a_function_call_is_streamed(client, target):
    declared = types.FunctionDeclaration.from_callable(client=client._api_client, callable=get_weather)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    chunks = client.models.generate_content_stream(model=f"p-{target}/story-tool", contents="The weather?", config=config)
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [(call.name, call.args) for call in calls] == [("get_weather", {"city": "Oslo"})]


@every_format
def test_structured_output(client, target):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Place)
    answer = client.models.generate_content(model=f"p-{target}/story-json", contents="Where?", config=config)
    assert answer.parsed == Place(city="Grüße", degrees=7)


@forcing_format
def test_a_function_can_be_forced(client, target):
    config = types.GenerateContentConfig(
        tools=[get_weather],
        tool_config=types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY")),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    answer = client.models.generate_content(model=f"p-{target}/story-json", contents="The weather?", config=config)
    assert answer.function_calls[0].args == {"city": "Grüße"}


@every_format
def test_thoughts(client, target):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    answer = client.models.generate_content(model=f"p-{target}/story-think", contents="Hello", config=config)
    parts = answer.candidates[0].content.parts
    assert [part.text for part in parts if part.thought] == [THOUGHTS]
    assert answer.text == TEXT


@every_format
def test_a_chat_keeps_its_history(client, target):
    chat = client.chats.create(model=f"p-{target}/story-think")
    assert chat.send_message("Hello").text == TEXT
    assert chat.send_message("And now?").text == TEXT


@every_format
def test_tokens_are_counted(client, target):
    count = client.models.count_tokens(model=f"p-{target}/story-text", contents="Hello").total_tokens
    # Only a vendor that counts can be exact.
    assert count == 12 if target == "gemini" else count > 0


@pytest.mark.parametrize("target", ["gemini", "chat"])
def test_embeddings(client, target):
    answer = client.models.embed_content(model=f"p-{target}/story-text", contents=["one", "two"])
    assert [one.values[:3] for one in answer.embeddings] == [[0.25, -0.5, 0.125]] * 2


@every_format
def test_a_refusal_is_raised_with_the_vendors_words(client, target):
    with pytest.raises(errors.ClientError) as raised:
        client.models.generate_content(model=f"p-{target}/story-error", contents="Hello")
    assert (raised.value.code, raised.value.status, raised.value.message) == (429, "RESOURCE_EXHAUSTED", ERROR_WORDS)


@every_format
def test_a_stream_that_breaks_off_raises(client, target):
    with pytest.raises(Exception) as raised:
        list(client.models.generate_content_stream(model=f"p-{target}/story-cut", contents="Hello"))
    assert isinstance(raised.value, errors.APIError) or "httpx" in type(raised.value).__module__, raised.value
