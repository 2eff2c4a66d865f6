"""The service: the answers of ``predict``, one batch for requests at once, limits said as JSON."""

import asyncio
import re
import signal
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest

from dicetune.errors import InputError
from dicetune.predictor import load
from dicetune.service import Limits, make_app, serve
from dicetune.tuning import export

TEXTS = ["the pump at Quay Nine is down", "all quiet", "at Quay Nine"]
MOST = "expected at most 8 texts and 200 characters in a request,"
SMALL = Limits(texts=8, characters=200, body=2000, patience=0.05)


def asked(app, *requests, method="POST", path="/predict"):
    """The replies to requests that come at once."""

    async def run():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            calls = (client.request(method, path, **request) for request in requests)
            return await asyncio.gather(*calls)

    return asyncio.run(run())


@pytest.fixture(scope="module", params=["torch", "onnx"])
def predictor(request, trained_ner, tmp_path_factory):
    folder, _ = trained_ner
    if request.param == "torch":
        return load(folder)
    out = tmp_path_factory.mktemp("served") / "onnx"
    export(folder, to="onnx", out=out)
    return load(out)


def test_requests_at_once_are_one_batch_with_the_answers_of_each(predictor):
    seen = []
    app = make_app(predictor, SMALL)
    call, predictor.track = predictor.track, lambda steps: (seen.append(len(steps)), steps)[1]
    replies = asked(app, *({"json": {"text": text}} for text in (*TEXTS, TEXTS[:2])))
    predictor.track = call
    assert [reply.status_code for reply in replies] == [200] * 4
    expected = [answer.to_dict() for answer in predictor(TEXTS)]
    found = [reply.json()["answers"] for reply in replies]
    for one, other in zip([*found[0], *found[1], *found[2]], expected, strict=True):
        assert one["tags"] == other["tags"]
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
    assert [one["tags"] for one in found[3]] == [one["tags"] for one in expected[:2]]
    assert seen == [1], "five texts of four requests ran at once"


def test_health_and_the_page_of_the_interface(predictor):
    app = make_app(predictor, SMALL)
    (health,) = asked(app, {}, method="GET", path="/health")
    assert health.json()["inputs"] == ["text"]
    assert health.json()["task"] == "ner"
    assert health.json()["limits"]["texts"] == 8
    (page,) = asked(app, {}, method="GET", path="/openapi.json")
    assert "/predict" in page.json()["paths"]


def test_what_is_wrong_is_said_as_json(predictor):
    app = make_app(predictor, SMALL)
    wrong = {
        "expected a JSON object with text, a text or a list of texts each": [
            {"json": {}}, {"json": {"text": 3}}, {"json": {"text": "a", "path": "/etc"}},
            {"content": b"no json"}, {"json": ["a"]},
        ],
        f"{MOST} got 9 and 9": [{"json": {"text": ["a"] * 9}}],
        f"{MOST} got 1 and 201": [{"json": {"text": "a" * 201}}],
        "expected a text at least": [{"json": {"text": []}}],
        "expected a body of at most 2000 bytes": [{"content": b"a" * 2001}],
        "expected whole characters in text 1": [
            {"content": b'{"text": "\\ud800"}', "headers": {"content-type": "application/json"}}
        ],
    }  # fmt: skip
    for said, requests in wrong.items():
        for reply in asked(app, *requests):
            assert reply.status_code in (413, 422), reply.text
            assert reply.json()["error"].startswith(said), reply.text


def test_a_slow_model_and_a_broken_one_are_said(predictor, monkeypatch):
    app = make_app(predictor, replace(SMALL, seconds=0.0))
    (reply,) = asked(app, {"json": {"text": "all quiet"}})
    assert (reply.status_code, "within 0 s" in reply.json()["error"]) == (503, True)

    def fail(*_):
        raise ValueError("broken")

    monkeypatch.setattr(predictor, "scores", fail)
    (reply,) = asked(make_app(predictor, SMALL), {"json": {"text": "all quiet"}})
    assert reply.status_code == 500
    assert reply.json() == {"error": "expected an answer, got ValueError: see the log"}


def test_the_command_answers_until_it_is_stopped(trained_ner, tmp_path):
    export(trained_ner[0], to="onnx", out=tmp_path / "onnx")
    arguments = ["-m", "dicetune", "serve", "onnx", "--port", "0"]
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=tmp_path, stderr=subprocess.PIPE
    ) as run:
        address = re.search(rb"http://[\d.]+:(\d+)", run.stderr.readline())
        reply = httpx.post(
            f"{address[0].decode()}/predict", json={"text": TEXTS[0]}, timeout=60, trust_env=False
        )
        assert len(reply.json()["answers"]) == 1
        with pytest.raises(
            InputError, match=rf":{address[1].decode()} \(.+\): give another --port"
        ):
            serve(tmp_path / "onnx", port=int(address[1]))
        run.send_signal(signal.SIGINT)
        assert run.wait(60) in (0, 130)
    with pytest.raises(InputError, match="expected --port from 0 to 65535, got 70000"):
        serve(tmp_path / "onnx", port=70_000)
