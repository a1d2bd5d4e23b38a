"""One question to one model: the Python counterpart of `medvlsynther ask`.

from medvlsynther.ask import ask

asked = ask(["scan.png"], "Which organ is shown?", ["Liver", "Spleen"], model="qwen2.5-vl-7b")
asked.letter, asked.thoughts
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from medvlsynther.cards import Model, Prompt, Sampling
from medvlsynther.context import MAX_IMAGE_BYTES, Context
from medvlsynther.engines.base import Failure, Request
from medvlsynther.errors import BadSetting, InputError, MissingInput
from medvlsynther.evaluation.pictures import stored
from medvlsynther.executors.local import Local
from medvlsynther.pipeline.site import Site, load_site
from medvlsynther.progress import Board, Budget, Meter
from medvlsynther.questions.entry import gold, read_options
from medvlsynther.records import LETTERS, Answer, ImageRef, Question, Record, Reject
from medvlsynther.rules._replies import take_apart
from medvlsynther.rules.grading import read_choice
from medvlsynther.store.images import ImageStore
from medvlsynther.store.layout import Store


class Asked(Record):
    """A question, what a model replied, and what was made of it."""

    question: Question
    """As it was asked; `answer` is "" where no key was given."""
    reply: str
    """The reply as it came."""
    thoughts: str
    """What it thought before answering; "" where it gave no thoughts."""
    letter: str | None
    """The chosen option's letter; None where no single option was chosen."""
    chosen: str | None
    """The chosen option's text."""
    rule: str
    """Which rule of the grader found it."""
    reason: str | None
    """Why there is no letter."""
    correct: bool | None
    """It is the key; None where none was given."""
    finish: str
    """"stop", or "length" where the reply was cut off."""


def ask(
    images: Sequence[str | Path | bytes],
    question: str,
    options: Sequence[str] | Mapping[str, str] | str,
    *,
    model: str,
    answer: str = "",
    prompt: str = "answer",
    sampling: Sampling = Sampling(max_tokens=4096, extend=False),
    site: Site | None = None,
) -> Asked:
    """The model's reply to a question about images, graded.

    `options` is a list, a mapping of letters, either as text, or texts parted by "|". `answer` is the key's letter or
    text. `model` and `prompt` are names or paths of cards; `site` says where models run (default: medvlsynther.yaml).
    The same question to the same model is answered from the store's ledger.

    Raises: BadSetting for options, a key or an image that cannot be used, or a request that failed; MissingInput;
    UnknownName; EngineRefused.
    """
    site = (site or load_site(None)).located()
    store = Store(Path(site.store))
    store.prepare()
    refs = tuple(_stored(image, ImageStore(store.images), place) for place, image in enumerate(images))
    asked = _question(question, options, answer, refs)
    came = _reply(site, store, Model.load(model), Prompt.load(prompt), asked, sampling)
    choice = read_choice(came.whole, asked.lettered, finish=came.finish)
    return Asked(
        question=asked,
        reply=came.text,
        thoughts=take_apart(came.whole).thought.strip(),
        letter=choice.letter,
        chosen=None if choice.letter is None else asked.lettered[choice.letter],
        rule=choice.rule,
        reason=choice.reason,
        correct=choice.letter == asked.answer if asked.answer else None,
        finish=came.finish,
    )


def _question(
    question: str, options: Sequence[str] | Mapping[str, str] | str, answer: str, images: tuple[ImageRef, ...]
) -> Question:
    parted = options.split("|") if isinstance(options, str) and options.lstrip()[:1] not in ("[", "{") else options
    try:
        texts = read_options(parted)
    except InputError as error:
        raise BadSetting(f"Options: {error.detail}", mend='Write --options "first|second"') from None
    if not 2 <= len(texts) <= len(LETTERS):
        raise BadSetting(f"There are {len(texts)} options", mend=f"Give 2 to {len(LETTERS)}")
    letter = ""
    if answer:
        is_letter = len(answer) == 1 and answer.upper() in LETTERS[: len(texts)]
        key = gold(texts, "" if is_letter else answer, answer if is_letter else "")
        if key.letter is None:
            raise BadSetting(f"{answer!r} is none of the options", mend="Give the key's letter or its text")
        letter = key.letter
    return Question(
        question_id="asked/0", dataset="asked", index=0, question=question, options=texts, answer=letter, images=images
    )


def _stored(image: str | Path | bytes, store: ImageStore, place: int) -> ImageRef:
    name = f"image {place + 1}" if isinstance(image, bytes) else str(image)
    try:
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        if len(data) > MAX_IMAGE_BYTES:
            raise InputError("image_too_large", f"{len(data)} bytes")
        return stored(ImageRef(name=Path(name).name), data, store)
    except OSError as error:
        raise MissingInput(f"Cannot read {name!r}: {error.strerror}", mend="Give the path of an image") from None
    except InputError as error:
        raise BadSetting(f"{error.reason}: {error.detail}", where=name, mend="Give another image") from None


def _reply(site: Site, store: Store, model: Model, prompt: Prompt, asked: Question, sampling: Sampling) -> Answer:
    rejects: list[Reject] = []
    ctx = Context(
        store,
        store.root,
        Meter(Board(None), "ask", 1),
        endpoint=site.endpoint,
        executor=Local(1),
        on_reject=rejects.append,
        budget=Budget(),
    )
    request = Request("asked/0", prompt, {"question": asked.question, "options": asked.lettered}, asked.images)
    try:
        (came,) = ctx.answers(model, [request], sampling)
    finally:
        ctx.close()
    if isinstance(came, Failure):
        raise BadSetting(f"No reply: {came.reason} {came.detail}".strip(), where=model.name, mend="Ask otherwise")
    return Answer(
        question_id=asked.question_id,
        dataset=asked.dataset,
        model=model.name,
        text=came.text,
        reasoning=came.reasoning,
        finish=came.finish,
    )
