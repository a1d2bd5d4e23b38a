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
_HINTS: dict[str, re.Pattern[str]] = {
    "date": re.compile(
        r"[0-9](?:[-/.][0-9]{1,2}[-/.][0-9]|(?:st|nd|rd|th)?(?:\s+(?:of\s+)?[A-Za-z]{3,9}\.?)?,?\s+(?:19|20)[0-9]{2})"
    ),
    "record number": re.compile(r"[0-9](?:[0-9]{3}|[0-9]?-[0-9]{2})"),
    "digits": re.compile(r"[0-9](?=[0-9]{6})"),
    "phone": re.compile(r"[0-9](?:[0-9]{6}|[-. )]{0,2}[0-9]{0,4}[-. )]{1,2}[0-9]{3})"),
    "e-mail": re.compile(r"@"),
    "name": re.compile(r"Mr|Ms|Mi|Dr|Pr"),
    "named patient": re.compile(r"ame|DOB|birth"),
}
"""What a text must hold before it is worth the longer search; each begins with the rare sign, for speed."""

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
        r"|case (?:id|record)|accession (?:number|no\.?)|NHS (?:number|no\.?)|SSN|UHID|IP no\.?)"
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
        r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof)\.?\s+(?:[A-Z]\.\s*){0,3}[A-Z][a-zà-ÿ]+(?:[-'’][A-Z][a-z]+)?\b|\b(?:Mr|Mrs|Ms|Dr)\.?\s+[A-Z]\.(?:\s*[A-Z]\.)+"
    ),
    "named patient": re.compile(
        r"\b(?:[Pp]atient(?:'s)? name|[Nn]ame of (?:the )?patient|[Nn]amed|DOB|[Dd]ate of birth)"
        r"\s*(?:is|was|:|=)?\s*[A-Z0-9][\w./-]+"
    ),
}
_HARMLESS = re.compile(
    r"\b(?:accessed|retrieved|available|published|downloaded|updated|received|accepted|visited|courtesy of"
    r"|credit(?:s|ed)? to|photo(?:graph)? by|image by|provided by|pmid|pmcid|doi|isbn|issn|grant|genbank|accession"
    r"|uniprot|ncbi|catalog(?:ue)?|nct|https?|www|registration|gse)\b[^.;\n]{0,40}$",
    re.IGNORECASE,
)


@lru_cache(maxsize=32)
def _kinds(text: str) -> tuple[str, ...]:
    """Kinds of identifier in a text, kept for the other items about one figure."""
    return tuple(
        kind
        for kind, pattern in _IDENTIFIERS.items()
        if _HINTS[kind].search(text)
        and any(not _HARMLESS.search(text, max(0, hit.start() - 60), hit.start()) for hit in pattern.finditer(text))
    )


@rule("PHI1", "quarantine", always=True)
def identifiers(view: View) -> Iterator[Hit]:
    """Stem, option, caption or mention holds a full date, a record number or lone run of 7 to 10 digits, a phone
    number, an e-mail address, a title with a name, or a patient's name or birthday.

    Dates of access or publication, identifiers of literature and data banks, and image credits are left alone. The
    note names the kind and the place, never the identifier itself.
    """
    item, sources = view.item, view.sources
    texts = {
        "stem": item.question,
        "options": "\n".join(item.options),
        "caption": sources.caption.raw,
        "mentions": sources.context.raw,
    }
    for place, text in texts.items():
        kinds = _kinds(text[:LONGEST_SOURCE])
        if kinds:
            yield Hit(f"{place}: {', '.join(kinds)}")
