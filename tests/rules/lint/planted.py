"""Items with one known flaw each, and clean ones, with their figures: what lint has to find and to leave alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from medvlsynther.fingerprint import draw
from medvlsynther.records import LETTERS, Figure, ImageRef, Item, Licence
from tests.rules.lint.corpus import Case, cases
from tests.rules.material import make_figure, make_item

OTHER_MODALITY = {"CT": "ultrasound", "MRI": "CT", "radiograph": "MRI", "Ultrasound": "CT", "PET": "mammogram"}


@dataclass(frozen=True)
class Draft:
    """A question in the making."""

    case: Case
    stem: str
    key: str
    others: tuple[str, ...]
    place: int

    def item(self) -> Item:
        """The item with its key at `place`."""
        options = (*self.others[: self.place], self.key, *self.others[self.place :])
        return make_item(self.stem, options, LETTERS[self.place])

    def figure(self) -> Figure:
        """Its figure."""
        return make_figure(self.case.caption, self.case.mention)


Planted = tuple[str, Item, Figure]
"""The rule that has to fire ("" for a clean one), the item, its figure."""


def drafts() -> list[Draft]:
    """The 100 sound questions, keys spread over the letters."""
    return [
        Draft(case, stem, key, others, draw(1, case.caption, stem) % (len(others) + 1))
        for case in cases()
        for stem, key, others in case.questions
    ]


def clean() -> list[Planted]:
    """200 items without a known flaw: each question in two wordings."""
    worded = []
    for draft in drafts():
        other = f"Looking at this image, {draft.stem[0].lower()}{draft.stem[1:]}"
        worded += [draft, replace(draft, stem=other, place=(draft.place + 2) % (len(draft.others) + 1))]
    return [("", draft.item(), draft.figure()) for draft in worded]


# --------------------------------------------------------------------------------- one flaw each, on a sound question

Flaw = Callable[[Draft, int], tuple[Item, Figure]]


def _stem(change: Callable[[Draft, int], str]) -> Flaw:
    return lambda draft, n: (replace(draft, stem=change(draft, n)).item(), draft.figure())


def _options(change: Callable[[Draft, int], tuple[str, tuple[str, ...]]]) -> Flaw:
    def flaw(draft: Draft, n: int) -> tuple[Item, Figure]:
        key, others = change(draft, n)
        return replace(draft, key=key, others=others, place=min(draft.place, len(others))).item(), draft.figure()

    return flaw


def _one_other(change: Callable[[Draft, int], str]) -> Flaw:
    return _options(lambda draft, n: (draft.key, (change(draft, n), *draft.others[1:])))


def _pick(n: int, *choices: str) -> str:
    return choices[n % len(choices)]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _answer(letter: str) -> Flaw:
    return lambda draft, n: (draft.item().model_copy(update={"answer": letter}), draft.figure())


def _given(question: str, key: str, *others: str) -> Flaw:
    return lambda draft, n: (
        replace(draft, stem=question, key=key, others=others, place=n % (len(others) + 1)).item(),
        draft.figure(),
    )


def _image(width_px: int, height_px: int, *notes: str) -> Flaw:
    def flaw(draft: Draft, n: int) -> tuple[Item, Figure]:
        shot = ImageRef(name="g0.jpg", width_px=width_px, height_px=height_px, notes=notes)
        return draft.item(), draft.figure().model_copy(update={"images": (shot,)})

    return flaw


def _licence(draft: Draft, n: int) -> tuple[Item, Figure]:
    licence = Licence(code="CC-BY-ND-4.0", standing="refused")
    return draft.item(), make_figure(draft.case.caption, draft.case.mention, standing=licence)


def _wrong_modality(draft: Draft, n: int) -> tuple[Item, Figure]:
    other = next((other for said, other in OTHER_MODALITY.items() if said in draft.case.caption), "bone scintigram")
    return replace(draft, stem=f"On this {other}, {_lower(draft.stem)}").item(), draft.figure()


def _quoted(draft: Draft, n: int) -> str:
    words = draft.case.caption.rstrip(".").split()[:15]
    return f"{' '.join(words)}: {_lower(draft.stem)}"


def _no_marks(draft: Draft, n: int) -> str:
    mark = _pick(n, "black star", "dashed circle", "white box", "label Q")
    return f"What structure does the {mark} point to?" if mark != "label Q" else "What structure is labeled Q?"


def _second_finding(draft: Draft, n: int) -> tuple[Item, Figure]:
    caption = f"{draft.case.caption} {draft.key} and {_lower(draft.others[0])} are both present."
    return draft.item(), make_figure(caption, draft.case.mention)


def _wrong_side(draft: Draft, n: int) -> tuple[Item, Figure]:
    side, other = (("left", "right"), ("upper", "lower"), ("anterior", "posterior"))[n % 3]
    caption = f"{draft.case.caption} The {other} part is affected."
    mention = draft.case.mention
    for text in (side, side.capitalize()):
        caption, mention = caption.replace(text, other), mention.replace(text, other)
    return replace(draft, stem=f"In the {side} part of this image: {_lower(draft.stem)}").item(), make_figure(
        caption, mention
    )


def _other_key(draft: Draft, n: int) -> tuple[Item, Figure]:
    caption = f"The image shows {_lower(draft.others[0])}."
    return replace(draft, place=1).item(), make_figure(caption)


SYNONYMS = (
    ("Myocardial infarction", "Heart attack", "Pericarditis", "Endocarditis", "Cardiomyopathy"),
    ("Magnetic resonance imaging", "MRI", "Ultrasound", "Radiography", "Scintigraphy"),
    ("Hepatocellular carcinoma", "HCC", "Hemangioma", "Focal nodular hyperplasia", "Liver abscess"),
    ("Nephrolithiasis", "Kidney stones", "Pyelonephritis", "Hydronephrosis", "Renal cyst"),
    ("Haemorrhage", "Hemorrhage", "Infarction", "Abscess", "Contusion"),
    ("Computed tomography", "CT", "Ultrasonography", "Radiography", "Endoscopy"),
    ("Pulmonary embolism", "Embolism, pulmonary", "Pneumonia", "Pneumothorax", "Pleural effusion"),
    ("Squamous cell carcinoma", "Squamous-cell carcinoma", "Melanoma", "Keratoacanthoma", "Lentigo"),
)


def _synonym(draft: Draft, n: int) -> tuple[Item, Figure]:
    key, *others = SYNONYMS[n % len(SYNONYMS)]
    return _given("Which option is correct for this image?", key, *others)(draft, n)


LONG = "with surrounding reaction and a rim that is thick and irregular in its outer part"
FLAWS: tuple[tuple[str, str, Flaw], ...] = (
    ("answer beyond the options", "SCH1", _answer("F")),
    ("empty option", "SCH1", _one_other(lambda d, n: _pick(n, "", "  ", "\u200b"))),
    ("duplicate option", "SCH2", _one_other(lambda d, n: _pick(n, d.key.upper(), f"{d.key}.", f" {d.key} "))),
    ("two right options: synonyms", "SCH2", _synonym),
    (
        "nested options",
        "SCH3",
        _options(lambda d, n: (f"Large {_lower(d.key)}", (f"Large {_lower(d.key)} with edema", *d.others[1:]))),
    ),
    (
        "letters named",
        "SCH4",
        _one_other(lambda d, n: _pick(n, "Both A and B", "A and C", "Either B or D", "Options A and D")),
    ),
    ("place named", "SCH4", _stem(lambda d, n: f"In the image {_pick(n, 'above', 'below')}, {_lower(d.stem)}")),
    (
        "label before options",
        "SCH5",
        _options(lambda d, n: (_pick(n, "A) ", "(B) ", "C: ") + d.key, tuple(f"B) {other}" for other in d.others))),
    ),
    (
        "all or none",
        "NBM1",
        _one_other(
            lambda d, n: _pick(n, "All of the above", "None of the above", "None of these", "All of the options")
        ),
    ),
    (
        "negative stem",
        "NBM2",
        _stem(
            lambda d, n: _pick(
                n,
                "Which is NOT seen in this image?",
                "All are seen here except?",
                "Which is least likely in this scan?",
            )
        ),
    ),
    (
        "absolute distractor",
        "NBM3",
        _one_other(lambda d, n: f"{_pick(n, 'Always', 'Never', 'Only')} {_lower(d.others[0])}"),
    ),
    ("vague key", "NBM4", _options(lambda d, n: (f"{_pick(n, 'Usually', 'Often')} {_lower(d.key)}", d.others))),
    ("yes or no", "NBM5", _given("Does this image show a lesion?", "Yes", "No")),
    ("blank", "NBM5", _stem(lambda d, n: "The structure shown in the image is the ____.")),
    (
        "combinations",
        "NBM6",
        _given("Which are seen here?", "Edema and necrosis", "Edema and fibrosis", "Necrosis and fibrosis", "Gas"),
    ),
    ("lost sequence", "NBM7", _given("How large is the mass in this image?", "40 mm", "10 mm", "30 mm", "20 mm")),
    (
        "unfocused",
        "NBM8",
        _stem(lambda d, n: _pick(n, "The image above all.", "This image shows", "A patient's scan.")),
    ),
    (
        "long stem",
        "NBM9",
        _stem(lambda d, n: f"{'The image is reviewed by the team in detail ' * 5}and then one asks: {d.stem}"),
    ),
    (
        "repeated lead",
        "NBM10",
        _options(lambda d, n: (f"There is {_lower(d.key)}", tuple(f"There is {_lower(other)}" for other in d.others))),
    ),
    ("longest key", "CUE1", _options(lambda d, n: (f"{d.key} {LONG}", d.others))),
    (
        "word of the stem in the key",
        "CUE2",
        _given("Which process explains the hemorrhagic area?", "Hemorrhagic infarct", "Abscess", "Lipoma", "Cyst"),
    ),
    ("article", "CUE3", _given("The structure shown is an", "Artery", "Vein", "Nerve", "Duct")),
    ("number agreement", "CUE3", _given("What are the bright structures?", "Lymph nodes", "Artery", "Vein", "Duct")),
    (
        "convergence",
        "CUE4",
        _given(
            "Which lobe holds the lesion in this image?",
            "Left upper lobe",
            "Left lower lobe",
            "Right upper lobe",
            "Lingula",
        ),
    ),
    ("final period", "CUE5", _options(lambda d, n: (f"{d.key}.", d.others))),
    (
        "specific key",
        "CUE6",
        _options(lambda d, n: (f"{_pick(n, 'Grade 3', 'Paget', 'Type 2')} {_lower(d.key)}", d.others)),
    ),
    (
        "other kind of option",
        "CUE7",
        _given("Which diagnosis does the image suggest?", "Appendicitis", "Nephrectomy", "Colitis", "Gastritis"),
    ),
    (
        "words about the source",
        "LEAK1",
        _stem(
            lambda d, n: (
                _pick(n, "According to the caption, ", "As described in the text, ", "In the article, ")
                + _lower(d.stem)
            )
        ),
    ),
    ("leaked answer", "LEAK2", _stem(lambda d, n: f"This image shows {_lower(d.key)}. {d.stem}")),
    (
        "leaked answer, other name",
        "LEAK2",
        _given(
            "After this heart attack, which diagnosis does the image support?",
            "Myocardial infarction",
            "Pericarditis",
            "Endocarditis",
            "Aortic dissection",
        ),
    ),
    (
        "key copied from the caption",
        "LEAK3",
        lambda d, n: (
            replace(d, key=" ".join(d.case.caption.rstrip(".").split()[2:9])).item(),
            d.figure(),
        ),
    ),
    ("caption quoted", "LEAK4", _stem(_quoted)),
    (
        "panel on one image",
        "GRD1",
        _stem(
            lambda d, n: (
                f"In {_pick(n, 'panel B', 'image (a)', 'Figure 2C', 'the left panel', 'both images', 'part D')}, "
                + _lower(d.stem)
            )
        ),
    ),
    ("mark that is not there", "GRD2", _stem(_no_marks)),
    (
        "number not in the source",
        "GRD3",
        _stem(lambda d, n: f"The lesion measures {31 + n}.5 mm. {d.stem}"),
    ),
    (
        "age not in the source",
        "GRD4",
        _stem(
            lambda d, n: (
                _pick(n, "In this 87-year-old patient, ", "In a patient aged 91, ", "In an 83 y/o person, ")
                + _lower(d.stem)
            )
        ),
    ),
    (
        "history not in the source",
        "GRD4",
        _stem(
            lambda d, n: (
                _pick(
                    n,
                    "In a patient with a history of sarcoidosis, ",
                    "In a patient who presents with jaundice, ",
                    "In a heavy smoker, ",
                )
                + _lower(d.stem)
            )
        ),
    ),
    ("no image needed", "GRD5", _given("Which bacterium causes whooping cough?", "Bordetella", "Listeria", "Yersinia")),
    ("wrong modality", "GRD6", _wrong_modality),
    (
        "wrong modality as the key",
        "GRD6",
        lambda d, n: (
            replace(d, stem="Which imaging modality is shown?", key="Scintigraphy", others=("Ileography", "Otoscopy"))
            .item()
            .model_copy(update={"answer": LETTERS[min(d.place, 2)]}),
            make_figure("Chest radiograph with a pneumothorax."),
        ),
    ),
    ("two right options: both in the caption", "GRD7", _second_finding),
    ("another option in the caption", "GRD8", _other_key),
    ("wrong side", "GRD9", _wrong_side),
    (
        "identifier",
        "PHI1",
        _stem(
            lambda d, n: (
                _pick(
                    n,
                    "Mr. Alan Porter was admitted on 12 March 2019. ",
                    "The patient (MRN: 00482913) was scanned. ",
                    "Scan of 03/14/2018. ",
                    "Mail: jane.doe@clinic.org. ",
                )
                + d.stem
            )
        ),
    ),
    ("tiny image", "IMG1", _image(20, 300)),
    ("small image", "IMG1", _image(180, 200)),
    ("blank image", "IMG1", _image(640, 480, "blank")),
    ("licence without derivatives", "LIC1", _licence),
    (
        "hard to read",
        "TXT1",
        _stem(
            lambda d, n: (
                "Considering radiopathological correlation, which histomorphological characteristic "
                "pathognomonically differentiates immunohistochemically heterogeneous adenocarcinomatous proliferation?"
            )
        ),
    ),
)
"""What is wrong, the rule that has to say so, and how the flaw is made."""

PER_FLAW = 8


def planted() -> list[tuple[str, Planted]]:
    """Eight items for each flaw, with the flaw's name; each on another sound question."""
    soil = [draft for draft in drafts() if len(draft.key) > 5]
    made = []
    for name, rule, flaw in FLAWS:
        for n in range(PER_FLAW):
            draft = soil[draw(2, name, str(n)) % len(soil)]
            made.append((name, (rule, *flaw(draft, n))))
    return made
