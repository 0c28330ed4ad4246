"""What the SDK raises, retries and gives up on; and that the upstream learns of a client that went."""

import time

import httpx
import openai
import pytest

HELLO = [{"role": "user", "content": "Hello"}]


def ask(client, model, **more):
    return client.chat.completions.create(model=model, messages=HELLO, **more)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (413, openai.APIStatusError),
        (422, openai.UnprocessableEntityError),
        (408, openai.APIStatusError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (502, openai.InternalServerError),
        (503, openai.InternalServerError),
        (529, openai.InternalServerError),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_upstreams_refusal_is_raised_as_its_class_with_its_body(client, own, status, kind, stream):
    with pytest.raises(kind) as raised:
        ask(client, own(f"status.code-{status}"), stream=stream)
    assert raised.value.status_code == status
    assert raised.value.code == f"scripted_{status}"
    assert raised.value.body["message"] == f"The scripted upstream answers {status}."


@pytest.mark.anyio
async def test_a_refusal_is_raised_async(async_client, own):
    with pytest.raises(openai.RateLimitError):
        await async_client.chat.completions.create(model=own("status.code-429"), messages=HELLO)


@pytest.mark.gateway
def test_a_wrong_credential(settings):
    with openai.OpenAI(**settings | {"api_key": "sk-weir-nobody"}) as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            ask(client, "up/ok")
    assert raised.value.code == "invalid_api_key"


@pytest.mark.gateway
def test_an_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as raised:
        ask(client, "no-such-model")
    assert raised.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


@pytest.mark.gateway
def test_a_malformed_request(client, model):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=model("ok"), messages=HELLO, extra_body={"stream": "yes"})
    assert raised.value.type == "invalid_request_error"


@pytest.mark.gateway
@pytest.mark.parametrize("behaviour", ["html.code-502", "html.code-503", "status.code-503.body-empty", "close", "reset", "error-200", "garbage"])
@pytest.mark.parametrize("stream", [False, True])
def test_whatever_breaks_before_the_answer_is_an_error_in_the_envelope(client, own, behaviour, stream):
    with pytest.raises(openai.APIStatusError) as raised:
        ask(client, own(behaviour), stream=stream)
    assert raised.value.status_code >= 500
    assert raised.value.body["message"]


@pytest.mark.gateway
@pytest.mark.parametrize("behaviour", ["length-long", "chunk-cut"])
def test_a_whole_answer_that_is_cut_raises(client, own, behaviour):
    with pytest.raises(openai.APIError):
        ask(client, own(behaviour))


@pytest.mark.parametrize("behaviour", ["cut.every-40", "reset-mid.every-40"])
def test_a_stream_that_is_cut_raises(client, own, behaviour):
    with pytest.raises((openai.APIError, httpx.HTTPError)):
        list(ask(client, own(behaviour), stream=True))


@pytest.mark.gateway
@pytest.mark.parametrize("behaviour", ["cut.every-40", "reset-mid.every-40", "end.every-40", "error-event.every-40"])
def test_a_stream_that_breaks_raises_what_the_error_event_says(client, own, behaviour):
    seen = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in ask(client, own(behaviour), stream=True):
            seen.append(chunk)
    assert raised.value.message
    assert any(chunk.choices[0].delta.content for chunk in seen), "what came before the break was relayed"


def test_an_error_event_raises(client, own):
    with pytest.raises(openai.APIError) as raised:
        list(ask(client, own("error-event.every-40"), stream=True))
    assert "broke" in raised.value.message


@pytest.mark.anyio
async def test_an_error_event_raises_async(async_client, own):
    stream = await async_client.chat.completions.create(model=own("error-event.every-40"), messages=HELLO, stream=True)
    with pytest.raises(openai.APIError):
        async for _ in stream:
            pass


@pytest.mark.parametrize("behaviour", ["hang", "hang-mid"])
def test_the_sdks_timeout_ends_the_call_at_the_upstream_too(client, own, upstream, behaviour):
    name = own(behaviour)
    with pytest.raises((openai.APITimeoutError, httpx.TimeoutException)):
        list(ask(client.with_options(timeout=0.5), name, stream=True))
    upstream.wait_for(name, "client_gone")


def test_the_sdk_retries_and_honours_retry_after_ms(client, own, upstream):
    name = own("status.code-429.retry-after-ms-400.times-2")
    started = time.monotonic()
    answer = ask(client.with_options(max_retries=2), name)
    assert answer.choices[0].message.content
    assert len(upstream.requests(name)) == 3
    assert 0.8 <= time.monotonic() - started < 10


def test_the_sdk_obeys_x_should_retry(client, own, upstream):
    name = own("status.code-429.x-should-retry-false.times-1")
    with pytest.raises(openai.RateLimitError):
        ask(client.with_options(max_retries=2), name)
    assert len(upstream.requests(name)) == 1


def test_the_sdk_retries_a_server_error(client, own, upstream):
    name = own("status.code-500.retry-after-ms-10.times-1")
    assert ask(client.with_options(max_retries=1), name).choices
    assert len(upstream.requests(name)) == 2


def test_closing_a_stream_early_ends_it_at_the_upstream(client, own, upstream):
    name = own("slow")
    stream = ask(client, name, stream=True)
    next(iter(stream))
    stream.close()
    upstream.wait_for(name, "client_gone")


@pytest.mark.anyio
async def test_closing_an_async_stream_early_ends_it_at_the_upstream(async_client, own, upstream):
    name = own("slow")
    stream = await async_client.chat.completions.create(model=name, messages=HELLO, stream=True)
    async for _ in stream:
        break
    await stream.close()
    upstream.wait_for(name, "client_gone")
