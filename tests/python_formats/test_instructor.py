"""instructor, over both SDKs."""

import anthropic
import instructor
import openai
import pytest
from conftest import API_KEY, BASE_URL, ROOT_URL, every_format, forcing_format
from pydantic import BaseModel

ASKED = {"max_tokens": 100, "messages": [{"role": "user", "content": "Where?"}], "max_retries": 0}


class Place(BaseModel):
    city: str
    degrees: int


OPENAI = openai.OpenAI(base_url=BASE_URL, api_key=API_KEY, max_retries=0)
ANTHROPIC = anthropic.Anthropic(base_url=ROOT_URL, api_key=API_KEY, max_retries=0)


def over_openai(mode):
    return instructor.from_openai(OPENAI, mode=mode)


def over_anthropic():
    return instructor.from_anthropic(ANTHROPIC, mode=instructor.Mode.ANTHROPIC_TOOLS)


@forcing_format
def test_tools(target):
    client = over_openai(instructor.Mode.TOOLS)
    place = client.chat.completions.create(model=f"p-{target}/story-json", response_model=Place, **ASKED)
    assert (place.city, place.degrees) == ("Grüße", 7)


def test_what_ollama_cannot_be_told_is_refused_by_name():
    with pytest.raises(Exception, match="`tool_choice` cannot be sent to `p-ollama`"):
        over_openai(instructor.Mode.TOOLS).chat.completions.create(model="p-ollama/story-json", response_model=Place, **ASKED)


@every_format
def test_json_schema(target):
    client = over_openai(instructor.Mode.JSON_SCHEMA)
    place = client.chat.completions.create(model=f"p-{target}/story-json", response_model=Place, **ASKED)
    assert (place.city, place.degrees) == ("Grüße", 7)


@forcing_format
def test_partial_objects_are_streamed(target):
    client = over_openai(instructor.Mode.TOOLS)
    places = list(client.chat.completions.create_partial(model=f"p-{target}/story-json", response_model=Place, **ASKED))
    assert (places[-1].city, places[-1].degrees) == ("Grüße", 7)


@forcing_format
def test_tools_over_anthropic(target):
    place = over_anthropic().messages.create(model=f"p-{target}/story-json", response_model=Place, **ASKED)
    assert (place.city, place.degrees) == ("Grüße", 7)
