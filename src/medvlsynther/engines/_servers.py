"""What each kind of server takes: the capability table, and how a kind is recognised.

Source: the servers' own documentation and sources, and runs of vLLM 0.32, llama.cpp and transformers 5.23. That a
server takes a schema does not mean that it obeys it; `openai.py` finds that out by asking.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from yarl import URL

from medvlsynther.errors import UnknownName

Form = Literal["response_format", "structured_outputs", "output_config", "response_json_schema"]
"""How a reply's JSON schema is written into a request."""

Choice = Literal["structured_outputs", "grammar", "regex"]
"""How a closed choice of words is written into a request."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of server."""

    protocol: str = "openai"
    """Its wire form: a file of `_wires`."""
    forms: tuple[Form, ...] = ("response_format", "structured_outputs")
    """Ways to hand it a schema, the best first."""
    limit_key: str = "max_tokens"
    """What it calls the longest reply."""
    seed: bool = True
    """It takes a seed."""
    uuid: bool = False
    """It takes images by a name of our choice, and keeps them under it."""
    template_kwargs: bool = True
    """It takes `chat_template_kwargs`; elsewhere they are left out."""
    choice: Choice | None = None
    """How it is held to one of several words; None: by the prompt alone."""
    strict_names: bool = False
    """It lists all models that it serves, and serves no other."""


KINDS: Mapping[str, Kind] = {
    "vllm": Kind(uuid=True, choice="structured_outputs", strict_names=True),
    "sglang": Kind(forms=("response_format",), choice="regex", strict_names=True),
    "llamacpp": Kind(forms=("response_format",), choice="grammar"),
    "ollama": Kind(forms=("response_format",), template_kwargs=False),
    "transformers": Kind(forms=("response_format",)),
    "openai": Kind(forms=("response_format",), limit_key="max_completion_tokens", template_kwargs=False),
    "anthropic": Kind("anthropic", forms=("output_config",), seed=False, template_kwargs=False),
    "gemini": Kind("gemini", forms=("response_json_schema",), template_kwargs=False),
    "other": Kind(),
}
"""Kinds by the name that a site may give as `server`."""

_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
}
_OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llamacpp", "library": "ollama"}


def named(server: str, *, where: str) -> Kind:
    """The kind that a site names.

    Raises: UnknownName.
    """
    if server not in KINDS:
        raise UnknownName(server, "kinds of server", KINDS, where=where)
    return KINDS[server]


def by_host(base_url: str) -> Kind | None:
    """The kind of a public service, by its host name; None for any other."""
    url = URL(base_url)
    name = _HOSTS.get(url.host or "")
    if name == "gemini" and url.path.rstrip("/").endswith("/openai"):  # Google's OpenAI-compatible door
        return Kind(forms=("response_format",), template_kwargs=False)
    return KINDS[name] if name is not None else None


def by_models(listing: Any) -> Kind:
    """The kind that a `GET /models` listing gives away by its owner."""
    for entry in _entries(listing):
        if (name := _OWNERS.get(str(entry.get("owned_by")))) is not None:
            return KINDS[name]
    return KINDS["other"]


def model_names(listing: Any) -> tuple[str, ...]:
    """The model names in a `GET /models` listing, in its order."""
    return tuple(str(entry["id"]) for entry in _entries(listing) if "id" in entry)


def _entries(listing: Any) -> list[dict[str, Any]]:
    data = listing.get("data") if isinstance(listing, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
