"""A small HTTP service: requests that come at once are one batch.

``POST /predict`` takes the task's inputs by name, a text or a list of texts each, and returns an
answer for each. ``GET /health`` says what is served, ``GET /docs`` is the page of the interface.
Nothing in a request is run or names a file. What is wrong with a request is said as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from dicetune.errors import InputError, of_extra
from dicetune.predictor import Predictor, load
from dicetune.terminal import say

Columns = Mapping[str, list[str]]


@dataclass(frozen=True)
class Limits:
    """What a service takes."""

    texts: int = 64  # of a request
    characters: int = 100_000  # of a request, all inputs together
    body: int = 1_000_000  # bytes of a request
    seconds: float = 30.0  # until an answer
    waiting: int = 512  # requests
    patience: float = 0.004  # seconds that the first request of a batch waits for others

    def check(self, given: Columns) -> None:
        """Refuse a request that has too much, or nothing."""
        texts = max(map(len, given.values()))
        characters = sum(len(text) for column in given.values() for text in column)
        if texts > self.texts or characters > self.characters:
            raise InputError(
                f"expected at most {self.texts} texts and {self.characters} characters in a "
                f"request, got {texts} and {characters}: send several requests"
            )
        if not texts:
            raise InputError("expected a text at least, got none")


class Batcher:
    """Answers requests in their order, as many at once as wait, in one thread of the model."""

    def __init__(self, predictor: Predictor, limits: Limits) -> None:
        self.predictor = predictor
        self.limits = limits
        self._thread = ThreadPoolExecutor(1)
        self._queue: asyncio.Queue[tuple[Columns, asyncio.Future[list[Any]]]] = asyncio.Queue()

    async def answer(self, columns: Columns) -> list[Any]:
        """The answers to a request; ``TimeoutError`` where it would wait too long."""
        if self._queue.qsize() >= self.limits.waiting:
            raise TimeoutError
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait((columns, future))
        return await asyncio.wait_for(future, self.limits.seconds)

    async def run(self) -> None:
        """Answer until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            some = [await self._queue.get()]
            until = loop.time() + self.limits.patience
            with contextlib.suppress(TimeoutError):
                while sum(_size(columns) for columns, _ in some) < self.predictor.batch_size:
                    left = max(until - loop.time(), 0)
                    some.append(await asyncio.wait_for(self._queue.get(), left))
            some = [(columns, future) for columns, future in some if not future.done()]
            whole: dict[str, list[str]] = {}
            for columns, _ in some:
                for name, texts in columns.items():
                    whole.setdefault(name, []).extend(texts)
            if not some:
                continue
            answers, fault = list[Any](), None
            try:
                call = partial(self.predictor, **whole)
                answers = await loop.run_in_executor(self._thread, call)
            except Exception as error:  # every request of the batch is told
                fault = error
            for columns, future in some:
                own, answers = answers[: _size(columns)], answers[_size(columns) :]
                if future.done():
                    continue
                if fault is None:
                    future.set_result(own)
                else:
                    future.set_exception(fault)


def serve(
    model: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    decision: str | None = None,
    task: str | None = None,
    options: Mapping[str, Any] | None = None,
    **limits: float,
) -> None:
    """Answer HTTP requests until stopped.

    Args:
        model: folder of a model.
        host: address to listen on; "0.0.0.0" serves other machines. There is no access control.
        port: to listen on; 0 is any that is free.
        decision: as ``predict`` takes it.
        task: of a model that dicetune did not train.
        options: options of the task.
        limits: ``texts``, ``characters``, ``seconds`` and other fields of ``Limits``.

    Raises:
        InputError: fastapi or uvicorn is not installed, no model, or an address that is in use.
    """
    uvicorn = of_extra("uvicorn", "serve", "serve")
    if not 0 <= port < 2**16:
        raise InputError(f"expected --port from 0 to {2**16 - 1}, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:  # before the model is loaded
        place = socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(
            f"expected an address that is free, got {host}:{port} ({error.strerror}): give another "
            "--port, or another --host"
        ) from None
    with place:
        predictor = load(model, options=options, task=task, use="ask", decision=decision or "auto")
        app = make_app(predictor, Limits(**limits))  # type: ignore[arg-type]
        port = place.getsockname()[1]
        say(f"{model} at http://{host}:{port} (POST /predict, GET /health, GET /docs)")
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[place])


def make_app(predictor: Predictor, limits: Limits | None = None) -> Any:
    """The service as an ASGI application, for uvicorn and every other server.

    Raises:
        InputError: fastapi is not installed.
    """
    fastapi = of_extra("fastapi", "serve", "serve")
    pydantic = of_extra("pydantic", "serve", "serve")
    limits = Limits() if limits is None else limits
    batcher, task = Batcher(predictor, limits), predictor.task

    def reply(status: int, said: object) -> Any:
        return fastapi.responses.JSONResponse({"error": str(said)}, status)

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        worker = asyncio.create_task(batcher.run())
        yield
        worker.cancel()

    async def predict(asked: Any) -> Any:
        """Answers to texts, in their order."""
        given = {
            name: [value] if isinstance(value, str) else value
            for name, value in asked.model_dump().items()
        }
        try:
            limits.check(given)
            predictor.ask(**given)
            answers = await batcher.answer(given)
        except InputError as error:
            return reply(422, error)
        except TimeoutError:
            return reply(503, f"expected to answer within {limits.seconds:g} s, got no turn: wait")
        return {"answers": [answer.to_dict() for answer in answers]}

    async def health() -> Any:
        """What is served."""
        rule = predictor.decision
        served = {"task": task.name, "labels": task.labels, "inputs": task.inputs}
        decision = None if rule is None else rule.told()
        return {"status": "ok", **served, "decision": decision, "limits": asdict(limits)}

    async def invalid(_: Any, error: Any) -> Any:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
        wanted = f"a JSON object with {' and '.join(task.inputs)}, a text or a list of texts each"
        return reply(422, f"expected {wanted}, got in {place}: {first['msg']}")

    async def failed(_: Any, error: Exception) -> Any:
        return reply(500, f"expected an answer, got {type(error).__name__}: see the log")

    # the inputs of the task by name, and nothing else
    kinds: dict[str, Any] = {name: (str | list[str], ...) for name in task.inputs}
    config = pydantic.ConfigDict(extra="forbid", strict=True)
    predict.__annotations__["asked"] = pydantic.create_model("Texts", __config__=config, **kinds)
    app = fastapi.FastAPI(title=f"dicetune: {task.name}", lifespan=lifespan)
    app.add_api_route("/predict", predict, methods=["POST"])
    app.add_api_route("/health", health)
    app.add_exception_handler(fastapi.exceptions.RequestValidationError, invalid)
    app.add_exception_handler(Exception, failed)
    said = f"expected a body of at most {limits.body} bytes, got more: send fewer texts"
    app.add_middleware(_Limited, most=limits.body, refusal=reply(413, said))
    return app


class _Limited:
    """Refuses a body that is too large before it is in memory as a whole."""

    def __init__(self, app: Any, most: int, refusal: Any) -> None:
        self.app, self.most, self.refusal = app, most, refusal

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.most:
                await self.refusal(scope, receive, send)
                return
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:
            return parts.pop() if parts else await receive()

        await self.app(scope, again, send)


def _size(columns: Columns) -> int:
    return len(next(iter(columns.values())))
