"""What vLLM is told of a model: the same on a server's command line and in this process.

Source: options of vLLM 0.33; `guidance` is the grammar backend that writes valid JSON under length bounds as well.
"""

import importlib.util
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from medvlsynther.cards import Model
from medvlsynther.engines._vllm_log import told_to_a_file
from medvlsynther.engines.base import Endpoint
from medvlsynther.errors import BadSetting, EngineRefused, MissingExtra

GRAMMARS = orjson.dumps({"backend": "guidance", "disable_any_whitespace": True}).decode()

QUIET = ("--disable-log-stats", "--no-use-tqdm-on-load")
"""In this process vLLM draws no bars over those of the command, and counts nothing that nobody reads."""


def options(model: Model, endpoint: Endpoint) -> tuple[str, ...]:
    """The options of a model card at an endpoint, without those that the site file adds."""
    shape = ("--tensor-parallel-size", str(endpoint.tensor_parallel)) if endpoint.tensor_parallel > 1 else ()
    revision = ("--revision", model.revision) if model.revision else ()
    pictures = orjson.dumps({"image": model.max_images, "video": 0}).decode()
    return (
        *revision,
        *("--max-model-len", str(model.context_tokens)),
        *("--limit-mm-per-prompt", pictures),
        *("--structured-outputs-config", GRAMMARS),
        *shape,
    )


@dataclass(frozen=True, slots=True)
class Source:
    """What runs in this process: equal sources share one engine."""

    repo: str
    """Folder or hub id."""
    options: tuple[str, ...]
    """All options, as on a server's command line."""

    @classmethod
    def of(cls, model: Model, endpoint: Endpoint) -> "Source":
        """The source of a model card at an endpoint; replicas are vLLM's data parallelism."""
        replicas = ("--data-parallel-size", str(endpoint.replicas)) if endpoint.replicas > 1 else ()
        repo = endpoint.served_as or model.repo
        return cls(repo, (*QUIET, *options(model, endpoint), *replicas, *endpoint.options))

    def check(self) -> None:
        """Look for the package and for the model, without its weights.

        Raises: MissingExtra, BadSetting; EngineRefused when there is no such model, or none that vLLM knows.
        """
        if importlib.util.find_spec("vllm") is None:
            raise MissingExtra("vllm", "vllm", where=f"site endpoint of {self.repo}")
        with told_to_a_file():
            from vllm.exceptions import VLLMError

            try:
                self.arguments().create_model_config()
            except (VLLMError, OSError, ValueError) as error:
                what = " ".join(str(error).split())[:300] or type(error).__name__
                mend = "Give a folder as served_as in the site file, or a hub id that can be reached"
                raise EngineRefused(what, where=self.repo, mend=mend) from None

    def arguments(self) -> Any:
        """The options as vLLM's own parser understands them: its `AsyncEngineArgs`.

        Raises: BadSetting for an option that is none of the engine's, or a value that it does not take.
        """
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.utils.argparse_utils import FlexibleArgumentParser

        def refuse(message: str) -> NoReturn:
            what = f"vLLM in this process: {' '.join(message.split())[:300]}"
            mend = "Mend `options` in the site file; those of the web server belong to `serve: true`"
            raise BadSetting(what, where=f"site endpoint of {self.repo}", mend=mend)

        parser = AsyncEngineArgs.add_cli_args(FlexibleArgumentParser(add_help=False, allow_abbrev=False))
        parser.error = refuse
        return AsyncEngineArgs.from_cli_args(parser.parse_args(["--model", self.repo, *self.options]))
