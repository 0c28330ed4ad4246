"""Clients of every kind against providers of every format. A model is `p-<format>/<story>`: the provider's format, and what it
tells (tests/kit/src/upstream/formats/story.rs). Nothing outside of this machine is reached, which is made sure of here.
"""

import os
import socket

# Set before any client is imported: they read these once.
os.environ.update(
    LITELLM_LOCAL_MODEL_COST_MAP="True",
    LANGSMITH_TRACING="false",
    LOGFIRE_SEND_TO_LOGFIRE="false",
    HF_HUB_OFFLINE="1",
    LLM_LOAD_PLUGINS="",
    HTTPS_PROXY="http://127.0.0.1:9",
    NO_PROXY="127.0.0.1",
    no_proxy="127.0.0.1",
)

import pytest

TEXT = 'Grüße aus "Oslo", 世界 🌍.'
THOUGHTS = "The user wants a greeting."
ERROR_WORDS = "The scripted vendor asks you to slow down."
FORMATS = ["chat", "responses", "anthropic", "gemini", "bedrock", "ollama", "cohere"]
# What can be forced to call a tool: Ollama has no such choice, and is refused by name.
FORCING = [one for one in FORMATS if one != "ollama"]
WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
BASE_URL = os.environ["WEIR_BASE_URL"]
ROOT_URL = BASE_URL.removesuffix("/v1")
API_KEY = os.environ["WEIR_API_KEY"]

every_format = pytest.mark.parametrize("target", FORMATS)
forcing_format = pytest.mark.parametrize("target", FORCING)

_connect = socket.socket.connect


def _connect_here(self, address):
    if isinstance(address, tuple) and address[0] != "127.0.0.1":
        raise AssertionError(f"a test wants to reach {address}")
    return _connect(self, address)


socket.socket.connect = _connect_here


@pytest.fixture
def anyio_backend():
    return "asyncio"
