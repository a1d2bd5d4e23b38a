"""The benchmark's work done by other packages, each in an environment of its own: `engines.py --peers` runs this file.

    python benchmarks/peers.py NAME FOLDER ROWS CONCURRENCY BASE_URL

Every row has an image of its own file and about 4 kB of text; each package is used as its own documentation shows, with
its limits on requests a minute out of the way. One JSON line: rows answered, seconds they took, CPU seconds and the
peak memory of the process and of those that it starts.
"""

import asyncio
import base64
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RULES = "Every option is short, and one of them alone is right. " * 30
CAPTION = "An axial image at the level of the carina shows a small effusion. " * 35
TASK = "Write one question."


def words(number: int) -> str:
    """The text of one row."""
    return f"Figure {number}. {CAPTION}\n\n{TASK}"


def encoded(work: Path, number: int) -> str:
    """The image of one row, in Base64."""
    files = sorted(work.glob("*.png"))
    return base64.b64encode(files[number % len(files)].read_bytes()).decode()


def openai(work: Path, url: str, rows: int, concurrency: int) -> int:
    """The client library itself: messages built within the slots, nothing kept."""
    from openai import AsyncOpenAI

    async def one(client: Any, slots: asyncio.Semaphore, number: int) -> None:
        async with slots:
            picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded(work, number)}"}}
            content = [picture, {"type": "text", "text": words(number)}]
            messages = [{"role": "system", "content": RULES}, {"role": "user", "content": content}]
            await client.chat.completions.create(model="mock", messages=messages)

    async def main() -> None:
        slots = asyncio.Semaphore(concurrency)
        async with AsyncOpenAI(base_url=url, api_key="none") as client:
            await asyncio.gather(*(one(client, slots, number) for number in range(rows)))

    asyncio.run(main())
    return rows


class _Words:
    """Stands in for a tokenizer whose vocabulary would be downloaded; it is cheaper than that."""

    def encode(self, text: str, **_: object) -> list[int]:
        """One number a word."""
        return list(range(text.count(" ") + 1))


def curator(work: Path, url: str, rows: int, concurrency: int) -> int:
    """Bespoke Curator: images by path, its cache in the folder."""
    os.environ |= {
        "CURATOR_CACHE_DIR": str(work / "cache"),
        "TELEMETRY_ENABLED": "0",
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
    }
    import tiktoken

    tiktoken.get_encoding = tiktoken.encoding_for_model = lambda _: _Words()
    from bespokelabs import curator as library
    from datasets import Dataset

    files = [str(path) for path in sorted(work.glob("*.png"))]

    class Writer(library.LLM):
        def prompt(self, row: dict[str, Any]) -> Any:
            return f"{RULES}\n\n{row['words']}", library.types.Image(url=row["image"])

        def parse(self, row: dict[str, Any], response: str) -> dict[str, Any]:
            return {"row": row["number"], "reply": response}

    table = Dataset.from_list([{"number": n, "words": words(n), "image": files[n % len(files)]} for n in range(rows)])
    plenty = 10_000_000
    limits = {"max_requests_per_minute": plenty, "max_tokens_per_minute": 1000 * plenty}
    params = {"base_url": url, "api_key": "none", "max_concurrent_requests": concurrency, **limits}
    writer = Writer(model_name="gpt-4o-mini", backend="openai", backend_params=params)
    return len(writer(table).dataset)


def distilabel(work: Path, url: str, rows: int, concurrency: int) -> int:
    """distilabel: a pipeline of one task, images in Base64, a batch of as many rows as are in flight."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from distilabel.models.llms import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGenerationWithImage

    data = [{"instruction": words(n), "image": encoded(work, n)} for n in range(rows)]
    with Pipeline(name="bench", cache_dir=str(work / "cache")) as pipeline:
        source = LoadDataFromDicts(data=data, batch_size=concurrency)
        llm = OpenAILLM(model="mock", base_url=url, api_key="none")
        task = TextGenerationWithImage(
            llm=llm,
            image_type="base64",
            system_prompt=RULES,
            input_batch_size=concurrency,
            add_raw_input=False,  # with a system prompt and an image it cannot be written to its own table
        )
        source >> task
    return len(pipeline.run(use_cache=False)["default"]["train"])


def data_designer(work: Path, url: str, rows: int, concurrency: int) -> int:
    """DataDesigner: images in Base64 as a seed column."""
    os.environ |= {"DATA_DESIGNER_HOME": str(work / "home"), "NEMO_TELEMETRY_ENABLED": "false", "BENCH_KEY": "none"}
    import data_designer.config as dd
    import pandas as pd
    from data_designer.interface import DataDesigner

    seed = work / "seed.parquet"
    pd.DataFrame([{"words": words(n), "image": encoded(work, n)} for n in range(rows)]).to_parquet(seed)
    params = dd.ChatCompletionInferenceParams(max_parallel_requests=concurrency)
    model = dd.ModelConfig(
        alias="mock", model="mock", provider="mock", inference_parameters=params, skip_health_check=True
    )
    builder = dd.DataDesignerConfigBuilder(model_configs=[model])
    builder.with_seed_dataset(dd.LocalFileSeedSource(path=str(seed)))
    picture = dd.ImageContext(
        column_name="image", data_type=dd.ModalityDataType.BASE64, image_format=dd.ImageFormat.PNG
    )
    builder.add_column(
        dd.LLMTextColumnConfig(
            name="reply", prompt="{{ words }}", system_prompt=RULES, model_alias="mock", multi_modal_context=[picture]
        )
    )
    provider = dd.ModelProvider(name="mock", endpoint=url, api_key="BENCH_KEY")
    designer = DataDesigner(artifact_path=str(work / "artifacts"), model_providers=[provider])
    return len(designer.create(builder, num_records=rows, dataset_name="bench").load_dataset())


PEERS: dict[str, Callable[[Path, str, int, int], int]] = {
    "openai": openai,
    "curator": curator,
    "distilabel": distilabel,
    "data-designer": data_designer,
}
"""Packages by the name of their environment."""

REQUIREMENTS = {
    "openai": "openai",
    "curator": "bespokelabs-curator",
    "distilabel": "distilabel[openai] requests pillow",
    "data-designer": "data-designer",
}
"""What is installed for each."""


def main() -> None:
    """Do the work of one package."""
    name, work, rows, concurrency, url = sys.argv[1:]
    started_s = time.perf_counter()
    answered = PEERS[name](Path(work), url, int(rows), int(concurrency))
    wall_s = time.perf_counter() - started_s
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu_s = sum(spent.ru_utime + spent.ru_stime for spent in (own, others))
    peak_mb = (own.ru_maxrss + others.ru_maxrss) / 1024
    print(json.dumps({"rows": answered, "wall_s": wall_s, "cpu_s": cpu_s, "peak_mb": peak_mb}), flush=True)


if __name__ == "__main__":
    main()
