"""The `llm` command line, told of models by extra-openai-models.yaml."""

import json
import os
import subprocess
import sys

import pytest
from conftest import API_KEY, BASE_URL, TEXT

# Two formats: each run is a process that starts in a second.
two_formats = pytest.mark.parametrize("target", ["anthropic", "gemini"])


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("llm")
    models = [
        {"model_id": f"{target}-{story}", "model_name": f"p-{target}/story-{story}", "api_base": BASE_URL, "api_key_name": "weir",
         "supports_tools": True, "supports_schema": True}
        for target in ("anthropic", "gemini")
        for story in ("text", "tool", "json")
    ]
    # JSON is YAML.
    (home / "extra-openai-models.yaml").write_text(json.dumps(models))
    (home / "keys.json").write_text(json.dumps({"weir": API_KEY}))
    return home


def llm(home, *arguments):
    environment = os.environ | {"LLM_USER_PATH": str(home), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-m", "llm", *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@two_formats
def test_a_prompt_streamed(home, target):
    assert llm(home, "-m", f"{target}-text", "Hello").strip() == TEXT


@two_formats
def test_a_prompt_not_streamed(home, target):
    assert llm(home, "-m", f"{target}-text", "--no-stream", "-s", "Be brief.", "Hello").strip() == TEXT


def test_a_function(home):
    target = "anthropic"
    function = "def get_weather(city: str) -> str:\n    return '8 degrees in ' + city\n"
    assert llm(home, "-m", f"{target}-tool", "--functions", function, "The weather?").strip() == TEXT


def test_a_schema(home):
    target = "gemini"
    said = llm(home, "-m", f"{target}-json", "--schema", "city, degrees int", "Where?")
    assert json.loads(said) == {"city": "Grüße", "degrees": 7}
