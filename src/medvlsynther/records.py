"""The rows that stages read and write: frozen, typed, closed to unknown fields.

Article → Figure → Item → Verdict, Label → Question → Answer → Graded; a Reject for whatever did not get there.
Every field says what it is; parquet schemas are derived from these classes (`store/table.py`).
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

LETTERS = "ABCDEFGHIJ"
"""Option letters; an item has 2 to 10 options and the published system uses five."""


class Record(BaseModel):
    """One row: immutable and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


# ---------------------------------------------------------------------------------------------- literature


class Licence(Record):
    """What an article or a figure may be used for, and how that is known."""

    code: str
    """SPDX identifier without the port ("CC-BY-4.0", "CC0-1.0", "CC-BY" where no version is stated), or "unknown"."""
    standing: Literal["allowed", "quarantined", "refused"]
    """What the licence policy of the run says: only allowed figures go on."""
    reasons: tuple[str, ...] = ()
    """Codes of the signals behind the standing, strongest first, e.g. "uri_cc_by", "text_nc", "figure_permission"."""
    uri: str | None = None
    """The licence's URI, where one is stated."""
    attribution: str = ""
    """The line that a user of the figure has to print."""


class ArticleRef(Record):
    """The identity of an article, as carried by each of its figures."""

    article_id: str
    """Stable identity: "PMC1762412.1", "PMC1762412", "doi:10.1371/…", else "file:<name>"."""
    pmcid: str | None = None
    """"PMC" and digits, without version."""
    version: int | None = None
    """PMC version of the article, where the source states one."""
    doi: str | None = None
    """DOI in lower case, without resolver."""
    title: str = ""
    """Title as plain text."""
    journal: str | None = None
    """Journal title."""
    year: int | None = None
    """Year of first publication."""
    article_type: str | None = None
    """JATS article-type, e.g. "research-article", "case-report", "retraction"."""
    retracted: bool = False
    """True where metadata or the article itself says so."""
    licence: Licence
    """The article's licence as judged."""


class ImageRef(Record):
    """One image of a figure: where its bytes are, and, once prepared, what they are."""

    name: str
    """File name as in the source, e.g. "pone.0000133.g001.jpg"."""
    corpus: str = ""
    """Digest of the corpus that `member` lies in; "" for an image that lives in the store only."""
    member: str = ""
    """Place inside the corpus: "dir/a.jpg", "dir/a.tar!PMC1/a.jpg" or "a.tar@<offset>+<size>" (bytes)."""
    sha256: str | None = None
    """SHA-256 of the prepared bytes in the store; None until the `images` stage ran."""
    source_sha256: str | None = None
    """SHA-256 of the original bytes."""
    pixels_sha256: str | None = None
    """SHA-256 of the prepared pixels with their shape: the same under any encoding."""
    width_px: int | None = None
    """Width of the prepared image."""
    height_px: int | None = None
    """Height of the prepared image."""
    phash: str | None = None
    """64-bit DCT perceptual hash, 16 hex digits, of the prepared pixels."""
    dhash: str | None = None
    """64-bit difference hash, 16 hex digits, of the prepared pixels."""
    notes: tuple[str, ...] = ()
    """What preparing did that a reader should know: "upscaled", "windowed_16bit", "exif_rotated", …"""


class Panel(Record):
    """One panel of a compound figure, as the caption describes it."""

    label: str
    """"A", "b", "iii", "left", …"""
    start: int
    """Offset of the panel's text in the caption, in characters."""
    end: int
    """Offset after the panel's text."""


class GivenLabel(Record):
    """What somebody else said about a figure: a weak prior, never a fact."""

    name: str
    """The label, e.g. "magnetic resonance" or "multiple panels: images"."""
    source: str
    """Who said so: "biomedica.image_secondary_label", "metadata.modality", …"""


class Figure(Record):
    """One figure of one article, with all text that is about it."""

    figure_id: str
    """"<article_id>/<fig id>", unique in a corpus."""
    article: ArticleRef
    """Where it comes from."""
    label: str = ""
    """"Fig. 2", as printed."""
    caption: str
    """The whole caption as plain text: title and paragraphs, separated by a blank."""
    mentions: tuple[str, ...] = ()
    """Text passages that refer to the figure, in reading order, without repeats."""
    images: tuple[ImageRef, ...]
    """Its images in order; 1 to 6 once curated."""
    panels: tuple[Panel, ...] = ()
    """Panels found in the caption; empty for a single-panel figure."""
    labels: tuple[GivenLabel, ...] = ()
    """Weak labels that came with the source."""
    category: str | None = None
    """Kind of image as decided by `classify`: one of the vocabulary's categories."""
    context_quality: str = "xml"
    """How the mentions were won: "xml", "biomedica-repaired", "plain-text", "none"."""
    synthetic: bool = False
    """True for the drawn figures of the bundled corpus: never a patient's."""


class Overlap(Record):
    """Two items that share something, and how that is known. In a join `train` is the left, `test` the right set."""

    train_set: str
    """Name of the set that should not know the other."""
    train_id: str
    """Its item."""
    test_set: str
    """Name of the set that should be unknown; the same name where a set is compared with itself."""
    test_id: str
    """Its item."""
    layer: Literal["identity", "bytes", "pixels", "perceptual", "copy", "semantic", "text", "rephrase", "joint"]
    """What was compared."""
    measure: str
    """How: "same_figure", "sha256", "phash:panel", "near:stem", "minhash:item", "judge", …"""
    score: float | None
    """Likeness, 0..1, 1 for the same; None where it could not be found out."""
    train_image: int | None = None
    """Which image of the train item, from 0; None where it is about no single image."""
    test_image: int | None = None
    """Which image of the test item, from 0."""
    evidence: str = ""
    """What exactly was found, for people."""
    kind: str | None = None
    """Class of the pair, as `audit.joint` judges it: "identical_item", "same_image_same_fact", …"""


class Ruling(Record):
    """Whether a reviewer agrees with one mark of a rubric."""

    criterion: str
    """Id of the criterion."""
    marked: bool
    """What the mark says: met or not."""
    agrees: bool
    """Whether the reviewer says so too."""


class Decision(Record):
    """What one reviewer said of an item in the end."""

    item_id: str
    """The item."""
    rater: str
    """Name of the reviewer."""
    decision: Literal["accept", "edit", "reject", "unsure"]
    """What is to become of it."""
    tags: tuple[str, ...] = ()
    """What is wrong with it, in snake_case, gravest first: "wrong_key", "not_from_image", …"""
    note: str = ""
    """In the reviewer's own words."""
    answer: str | None = None
    """Letter chosen before the key was shown; None where the reviewer did not answer."""
    correct: bool | None = None
    """Whether that letter was the key."""
    seconds: float | None = None
    """Time until the answer."""
    rulings: tuple[Ruling, ...] = ()
    """Agreement with the marks that the reviewer ruled on."""
    seen: str
    """Hash of the wording that was reviewed: a decision speaks about no other."""
    question: str | None = None
    """The stem as edited; None where nothing was."""
    options: tuple[str, ...] = ()
    """The options as edited."""
    key: str | None = None
    """Letter of the key as edited."""


class Reject(Record):
    """An input that ended here, and why."""

    id: str
    """Id of the article, figure or item; a file name where nothing was readable."""
    reason: str
    """Counted code in snake_case."""
    detail: str = ""
    """What exactly, for people; bounded in length."""


class Article(Record):
    """An article as a source reads it, before its figures are judged one by one."""

    ref: ArticleRef
    """Identity and licence."""
    figures: tuple[Figure, ...]
    """Usable figures, in reading order."""
    rejects: tuple[Reject, ...] = ()
    """Figures that cannot be used, each with its reason."""


# ----------------------------------------------------------------------------------------------- questions


class Origin(Record):
    """Which prompt and model made something: names for people, hashes for machines."""

    prompt: str
    """Name of the prompt card."""
    prompt_hash: str
    """SHA-256 of the prompt card's text."""
    model: str
    """Name of the model card."""
    model_hash: str
    """SHA-256 of the model card's text."""


class LintNote(Record):
    """One thing a lint rule found."""

    rule: str
    """Rule id, e.g. "CUE1"."""
    severity: Literal["error", "warn", "info", "quarantine"]
    """Errors reject; the others travel with the item."""
    detail: str = ""
    """What was found, in a few words."""


class Trial(Record):
    """How often a model reached the key of an item, under which view of it."""

    view: str
    """What the model saw: "stem" (stem and options, no image), "options", "caption", "image" (everything)."""
    model: str
    """Name of the model card."""
    asked: int
    """Answers that could be read or not: rotations times rollouts."""
    right: int
    """Answers that were the key."""
    unknown: int = 0
    """Calls that failed for good: never taken for a wrong or a right answer."""


class Item(Record):
    """One multiple-choice question about one figure."""

    item_id: str
    """"<figure_id>#<number>", kept from generation to the published row."""
    figure_id: str
    """The figure it asks about."""
    question: str
    """The stem."""
    options: tuple[str, ...]
    """Option texts in order; the n-th belongs to the n-th letter."""
    answer: str
    """Letter of the key."""
    reasoning: str | None = None
    """A chain of thought that ends in the key, where `explain` wrote one."""
    notes: tuple[LintNote, ...] = ()
    """Lint warnings."""
    trials: tuple[Trial, ...] = ()
    """What `blind` and `solve` counted."""
    parent: str | None = None
    """Item that this one repairs; both stay in their tables."""
    origin: Origin
    """Who wrote it."""

    @property
    def key(self) -> str:
        """Text of the right option."""
        return self.options[LETTERS.index(self.answer)]

    @property
    def lettered(self) -> dict[str, str]:
        """Letter to option text, in order."""
        return dict(zip(LETTERS, self.options, strict=False))


class Mark(Record):
    """What one criterion of a rubric gave."""

    criterion: str
    """Id of the criterion."""
    passed: bool
    """Met; for a penalty: not triggered."""
    score: float
    """Points earned (negative for a triggered penalty)."""
    weight: float
    """Points that could be earned (or lost)."""
    by: Literal["code", "model", "missing"]
    """Who decided."""
    note: str = ""
    """The verifier's few words."""
    probability: float | None = None
    """How likely the verifier found it met, 0..1; None where its replies carry no chances."""


class Opinion(Record):
    """What a second verifier, of another family, said of an item."""

    model: str
    """Name of its model card."""
    passed: bool | None
    """Whether it found all essential criteria met; None where its reply could not be had or read."""
    score: float | None = None
    """Its score, 0..1."""
    failed: tuple[str, ...] = ()
    """Ids of the criteria that it found not met."""


class Verdict(Record):
    """A rubric weighed on one item."""

    item_id: str
    """The item."""
    marks: tuple[Mark, ...]
    """One mark a criterion, in the rubric's order."""
    passed: bool
    """All essential criteria met."""
    score: float | None
    """0..1 by the rubric's formula; None where it cannot be formed."""
    failed: tuple[str, ...] = ()
    """Ids of the criteria that were not met."""
    second: Opinion | None = None
    """The second verifier's opinion, where one was asked."""
    rubric: str
    """Name of the rubric card."""
    rubric_hash: str
    """SHA-256 of the rubric card's text."""
    origin: Origin
    """The verifier."""


class Label(Record):
    """What an item is about, from the vocabulary cards."""

    item_id: str
    """The item."""
    question_type: str
    """One of the seven types, or "other"."""
    modality: str
    """One of the modalities, or "other"."""
    anatomy: str
    """One of the regions, or "other"."""
    by: str
    """"lexicon" or the name of the model card."""


class Question(Record):
    """One question as served: a row of a released data set or of a benchmark."""

    question_id: str
    """Item id, or "<dataset>/<index>" for a benchmark."""
    dataset: str
    """Name of the data set."""
    index: int
    """Position in the data set, from 0."""
    question: str
    """The stem."""
    options: tuple[str, ...]
    """Option texts in order of their letters."""
    answer: str
    """Letter of the key."""
    images: tuple[ImageRef, ...] = ()
    """Its images, prepared."""
    split: str = "train"
    """"train", "validation" or "test"."""
    fault: str | None = None
    """Why it cannot be asked, e.g. "image_missing": in an evaluation it counts as wrong."""

    @property
    def lettered(self) -> dict[str, str]:
        """Letter to option text, in order."""
        return dict(zip(LETTERS, self.options, strict=False))


View = Literal["asked", "no_image", "blank", "other_image", "rotated"]
"""How a question was put: as it is, without its image, with a grey one, with another question's, with options moved."""


class Answer(Record):
    """What a model replied to a question: kept raw, so that grading anew never asks again."""

    question_id: str
    """The question."""
    dataset: str
    """Its data set."""
    model: str
    """Name of the model card."""
    view: View = "asked"
    """How the question was put."""
    turn: int = 0
    """Options moved to the end: the letters of the reply are those of the moved order."""
    rollout: int = 0
    """Number of the reply, from 0."""
    text: str = ""
    """The reply as it came; "" where there is none."""
    reasoning: str = ""
    """Thoughts that the server gave apart from the text."""
    finish: str = "stop"
    """"stop", "length" where the reply was cut off, or the server's own word."""
    failure: str | None = None
    """Why there is no reply, as a counted code."""
    shown: str | None = None
    """Question whose images stood in for its own."""

    @property
    def whole(self) -> str:
        """Thoughts and text, as a model without a server that parts them would have written them."""
        return f"<think>{self.reasoning}</think>\n{self.text}" if self.reasoning else self.text


class Graded(Record):
    """What an answer chose, and whether that is right."""

    question_id: str
    """The question."""
    dataset: str
    """Its data set."""
    model: str
    """Name of the model card."""
    view: View = "asked"
    """How the question was put."""
    turn: int = 0
    """Options moved to the end before asking."""
    rollout: int = 0
    """Number of the reply, from 0."""
    letter: str | None = None
    """Letter of the chosen option in the question's own order; None where no option was chosen."""
    rule: str = ""
    """Which rule read the letter, or which of the published graders."""
    reason: str | None = None
    """Why there is no letter: "none", "several", "refused", "out_of_range", "truncated", "not_asked"."""
    failure: str | None = None
    """For "not_asked": why."""
    said: str = ""
    """What the published graders count in a vote: the letter, or a text that is no option; "" by default."""
    cut: bool = False
    """The reply was cut off at its longest."""
    correct: bool
    """It is the key."""
    ours: bool | None = None
    """Where a published grader said `correct`: what our own says; None where ours did."""


class Metric(Record):
    """One number that training ended with."""

    name: str
    """As in the curves: "reward", "loss", …"""
    value: float
    """The last one logged."""


class Checkpoint(Record):
    """A trained model: which weights, and how they came about."""

    checkpoint_id: str
    """Digest of the weights, 16 hex digits: what answers of this model are kept under."""
    name: str
    """For people: the trainer card's name and the first digits of the digest."""
    folder: str
    """Its folder in Hugging Face's format, seen from the store."""
    base: str
    """Hub id or digest of the weights that training began with."""
    trainer: str
    """Name of the trainer card."""
    trainer_hash: str
    """SHA-256 of the trainer card's text."""
    method: Literal["sft", "grpo"]
    """How it was trained."""
    step: int
    """Steps that were taken."""
    metrics: tuple[Metric, ...] = ()
    """What was logged last."""


class Term(Record):
    """One entry of a vocabulary."""

    name: str
    """Canonical name, lower case."""
    aliases: tuple[str, ...] = ()
    """Other spellings and abbreviations; matched as whole words, case-blind unless all capitals."""
    group: str = ""
    """Sibling group: distractors are drawn from the same group."""
    tags: tuple[str, ...] = ()
    """What else is known: "modality:ct", "anatomy:lung", "not_clinical", …"""
    display: str = ""
    """As printed in an option; `name` where empty."""

    @property
    def text(self) -> str:
        """As printed in an option."""
        return self.display or self.name
