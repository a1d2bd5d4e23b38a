"""What may identify a person, in any text that an item carries or rests on."""

import re
from collections.abc import Iterator
from functools import lru_cache

from medvlsynther.rules.lint._core import LONGEST_SOURCE, Hit, View, rule

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_YEAR = r"(?:19|20)\d\d"
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH_NUMBER = r"(?:0?[1-9]|1[0-2])"
_WORDS: dict[str, tuple[str, ...]] = {
    "record number": (
        *("mrn", "medical rec", "hospital n", "hospital i", "patient i", "patient n", "case id", "case rec", "nhs"),
        *("ssn", "uhid", "ip no"),
    ),
    "phone": ("phone", "tel", "mobile", "fax"),
    "e-mail": ("@",),
    "name": ("mr", "ms", "miss", "dr", "prof"),
    "named patient": ("name", "dob", "birth", "patient"),
}
_SHAPES: dict[str, re.Pattern[str]] = {
    "date": re.compile(
        r"[0-9](?:[-/.][0-9]{1,2}[-/.][0-9]|(?:st|nd|rd|th)?(?:\s+(?:of\s+)?[A-Za-z]{3,9}\.?)?,?\s+(?:19|20)[0-9]{2})"
    ),
    "record number": re.compile(r"[0-9]-[0-9]{2}-[0-9]"),
    "digits": re.compile(r"[0-9](?=[0-9]{6})"),
    "phone": re.compile(r"[0-9](?:[-. )]{1,2}[0-9]{3}[-. ]|[-. ]?[0-9]{2}[-. ][0-9]{2})"),
}
"""What a text must hold, in lower case or in shape, before it is worth the longer search of `_IDENTIFIERS`."""

_IDENTIFIERS: dict[str, re.Pattern[str]] = {
    "date": re.compile(
        rf"(?<![\w./-])(?:{_YEAR}([-/.]){_MONTH_NUMBER}\1{_DAY}|{_DAY}([-/.]){_MONTH_NUMBER}\2(?:{_YEAR})"
        rf"|{_MONTH_NUMBER}([-/.]){_DAY}\3(?:{_YEAR})|{_DAY}/{_MONTH_NUMBER}/\d\d|{_MONTH_NUMBER}/{_DAY}/\d\d)(?![\w/-]|\.\d)"
        rf"|\b{_DAY}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\.?,?\s+{_YEAR}\b"
        rf"|\b{_MONTH}\.?\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}\b",
        re.IGNORECASE,
    ),
    "record number": re.compile(
        r"\b(?:MRN|medical record(?: (?:number|no\.?))?|hospital (?:number|no\.?|id)|patient (?:id|number|no\.?)"
        r"|case (?:id|record)|NHS (?:number|no\.?)|SSN|UHID|IP no\.?)"
        r"\s*[:#=]?\s*[A-Z]{0,4}[-/]?\d[\d-]{3,}"
        r"|\b\d{3}-\d{2}-\d{4}\b",
        re.IGNORECASE,
    ),
    "digits": re.compile(r"(?<![\w.,/#:-])(?!\d*0000)\d{7,10}(?![\w,/-]|\.\d)"),
    "phone": re.compile(
        r"(?<![\w.])(?:\+\d{1,3}[-. ]?)?(?:\(\d{2,4}\)[-. ]?|\d{3}[-.])\d{3}[-. ]\d{4}(?!\w)"
        r"|(?<!\w)\+\d{1,3}(?:[-. ]?\d{2,4}){3,4}(?!\w)"
        r"|\b(?:phone|tel|telephone|mobile|fax)\b\.?\s*[:#]?\s*\+?\d[\d\s().-]{6,18}\d",
        re.IGNORECASE,
    ),
    "e-mail": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
    "name": re.compile(
        r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?\s+(?:[A-Z]\.\s*){0,3}[A-Z][a-zà-ÿ]+(?:[-'’][A-Z][a-z]+)?\b"
        r"|\b(?:Mr|Mrs|Ms|Dr)\.?\s+[A-Z]\.(?:\s*[A-Z]\.)+"
    ),
    "named patient": re.compile(
        r"\b(?:[Pp]atient(?:'s)? name|[Nn]ame of (?:the )?patient|[Nn]amed|DOB|[Dd]ate of birth)"
        r"\s*(?:is|was|:|=)?\s*[A-Z0-9][\w./-]+"
        r"|\bpatient,? [A-Z][a-z]+ [A-Z][a-z]+\b"
    ),
}
_HARMLESS = re.compile(
    r"\b(?:accessed|retrieved|available|published|downloaded|updated|received|accepted|visited|courtesy of"
    r"|credit(?:s|ed)? to|photo(?:graph)? by|image by|provided by|pmid|pmcid|doi|isbn|issn|grant|genbank|accession"
    r"|uniprot|ncbi|catalog(?:ue)?|nct|https?|www|registration|gse)\b[^.;\n]{0,40}$",
    re.IGNORECASE,
)


@lru_cache(maxsize=32)
def _promising(text: str) -> tuple[str, ...]:
    """Kinds of identifier that a text may hold; kept for the other items about one figure."""
    lower = text.lower()
    return tuple(
        kind
        for kind in _IDENTIFIERS
        if any(word in lower for word in _WORDS.get(kind, ())) or (kind in _SHAPES and _SHAPES[kind].search(text))
    )


@lru_cache(maxsize=32)
def _holds(kind: str, text: str) -> bool:
    """Whether a text holds such an identifier that is not of literature, data banks or image credits."""
    found = _IDENTIFIERS[kind].finditer(text)
    return any(not _HARMLESS.search(text, max(0, hit.start() - 60), hit.start()) for hit in found)


@rule("PHI1", "quarantine", always=True)
def identifiers(view: View) -> Iterator[Hit]:
    """Stem, option, caption or mention holds a full date, a record number or lone run of 7 to 10 digits, a phone
    number, an e-mail address, a title with a name, or a patient's name or birthday.

    Dates of access or publication, identifiers of literature and data banks, and image credits are left alone. The
    note names the kind and the place, never the identifier itself.
    """
    question, options = view.item.question, "\n".join(view.item.options)
    caption, mentions = view.sources.caption.raw, view.sources.context.raw
    own = _promising(f"{question[:LONGEST_SOURCE]}\n{options[:LONGEST_SOURCE]}")
    given = _promising(view.sources.raw)
    texts = (
        ("stem", question, own),
        ("options", options, own),
        ("caption", caption, given),
        ("mentions", mentions, given),
    )
    for place, text, promising in texts:
        kinds = [kind for kind in promising if _holds(kind, text[:LONGEST_SOURCE])]
        if kinds:
            yield Hit(f"{place}: {', '.join(kinds)}")
