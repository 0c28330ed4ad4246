"""Fixtures of the SDK suite. It runs against whatever WEIR_BASE_URL names: the gateway, or the scripted upstream alone.

The model of a request chooses what the scripted upstream does (tests/kit/src/upstream/catalogue.rs). A `tag` makes a name, and
with it the upstream's count of refusals, a test's own.
"""

import itertools
import os
import time

import httpx
import openai
import pytest

MODEL_PREFIX = os.environ.get("WEIR_MODEL_PREFIX", "")
PATIENCE_S = 20
_tags = itertools.count()


def pytest_configure(config):
    config.addinivalue_line("markers", "gateway: needs the gateway; the upstream alone behaves otherwise")


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def settings():
    return {"base_url": os.environ["WEIR_BASE_URL"], "api_key": os.environ["WEIR_API_KEY"], "max_retries": 0, "timeout": 30}


@pytest.fixture
def client(settings):
    with openai.OpenAI(**settings) as client:
        yield client


@pytest.fixture
async def async_client(settings):
    async with openai.AsyncOpenAI(**settings) as client:
        yield client


@pytest.fixture
def model():
    """Turns a behaviour of the upstream into the name to ask the gateway for."""
    return lambda behaviour: MODEL_PREFIX + behaviour


@pytest.fixture
def own():
    """The same, for behaviours that count: `own("status.code-429.times-1")` is refused once in this test only."""
    return lambda behaviour: f"{MODEL_PREFIX}{behaviour}.tag-py{os.getpid()}x{next(_tags)}"


class Upstream:
    def __init__(self, url):
        self.url = url

    def requests(self, model):
        seen = httpx.get(f"{self.url}/_requests").json()
        return [one for one in seen if one["model"] == model.removeprefix(MODEL_PREFIX)]

    def wait_for(self, model, outcome):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            seen = self.requests(model)
            if seen and seen[-1]["outcome"] == outcome:
                return
            time.sleep(0.02)
        pytest.fail(f"no request for {model} ended with {outcome}: {self.requests(model)}")


@pytest.fixture(scope="session")
def upstream():
    return Upstream(os.environ["WEIR_UPSTREAM_URL"])
