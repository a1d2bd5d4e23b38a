"""Functions for the scripted engine: simulated models for tests, never taken for real ones."""

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from medvlsynther.cards import Model, Sampling
from medvlsynther.engines import lexical
from medvlsynther.engines.base import Endpoint, Engine, Request

ASKED = "MEDVLSYNTHER_TEST_ASKED"
"""Environment variable: the file in which each question asked is noted, one id a line."""


@cache
def _lexical() -> Engine:
    return lexical.connect(Model.load("lexical"), Endpoint(), lambda _: b"")


def slow_lexical(request: Request) -> str:
    """The lexical engine's answer, after a moment, noted as asked: stands for a paid model."""
    with Path(os.environ[ASKED]).open("a", encoding="utf-8") as file:
        file.write(f"{request.prompt.task} {request.id}\n")
    time.sleep(0.02)
    with ThreadPoolExecutor(1) as pool:  # the caller's thread runs a loop already
        return pool.submit(asyncio.run, _lexical().generate(request, Sampling())).result().text
