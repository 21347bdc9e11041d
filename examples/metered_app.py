"""An application that calls an AI API and is metered: a question in, an answer out, and /metrics beside it.

    export HOLYSHEEP_API_KEY=…                    # of any OpenAI-compatible provider
    python examples/metered_app.py                # on port 8000; needs openai, starlette and uvicorn
    curl localhost:8000/ask -d 'What is the tallest mountain?'
    curl localhost:8000/metrics

With several workers, AIMON_MULTIPROC_DIR names an empty folder in which they put their counts together:

    AIMON_MULTIPROC_DIR=$(mktemp -d) python examples/metered_app.py --workers 4

Settings come from the environment: AI_BASE_URL, AI_MODEL, AI_PRICE_INPUT and AI_PRICE_OUTPUT (yuan per million tokens).
"""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

import openai
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

import aimon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

MODEL = os.environ.get("AI_MODEL", "gpt-4o")

aimon.configure(
    currency="CNY",
    prices={
        MODEL: {
            "input": float(os.environ.get("AI_PRICE_INPUT", "17.5")),
            "output": float(os.environ.get("AI_PRICE_OUTPUT", "70")),
        }
    },
)
# The one line: every call of this client is metered, its retries and its failures too.
client = openai.AsyncOpenAI(
    api_key=os.environ["HOLYSHEEP_API_KEY"],
    base_url=os.environ.get("AI_BASE_URL", "https://api.holysheep.ai/v1"),
    http_client=aimon.async_http_client(endpoint="chat", provider="holysheep"),
    max_retries=0,
)


async def ask(request: Request) -> Response:
    """Answers with the model's answer; streams it with `?stream`."""
    question = (await request.body()).decode()
    if "stream" in request.query_params:
        return StreamingResponse(pieces(question), media_type="text/plain")
    try:
        answer = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": question}], max_tokens=256
        )
    except openai.OpenAIError as error:
        return PlainTextResponse(f"{error}\n", status_code=502)
    return PlainTextResponse(f"{answer.choices[0].message.content}\n")


async def pieces(question: str) -> AsyncIterator[str]:
    """The answer as it comes. A reader that leaves cancels the call, which is counted as `cancelled`."""
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": question}],
        max_tokens=256,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and (text := chunk.choices[0].delta.content):
            yield text


app = Starlette(routes=[Route("/ask", ask, methods=["POST"]), Mount("/metrics", aimon.asgi_app)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    uvicorn.run("metered_app:app", port=options.port, workers=options.workers, log_level="warning")
