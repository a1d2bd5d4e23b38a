"""Names of one thing that rules know without a vocabulary: kinds of image, and everyday names of findings.

Vocabularies, where given, add theirs. The families of modalities are coarse on purpose: a CT angiogram is a CT.
"""

from collections.abc import Mapping
from functools import cache, lru_cache

from medvlsynther.records import Term
from medvlsynther.rules.lint._text import level
from medvlsynther.rules.vocab import Lexicon

Lexicons = Mapping[str, Lexicon]
"""Vocabularies by the name of their card: "modality", "anatomy", "findings"."""
FINDINGS = "findings"

_MODALITIES = {
    "ct": "CT|CAT scan|computed tomography|computed tomographic|computerized tomography|computerised tomography"
    "|CT angiography|CT angiogram|computed tomography angiography|CTA|HRCT|CBCT|MDCT|CECT|NCCT|micro-CT|cone beam",
    "mri": "MRI|MR|MR imaging|MR image|magnetic resonance|magnetic resonance imaging|MR angiography|MRA|MRCP|fMRI"
    "|magnetic resonance angiography|T1-weighted|T2-weighted|T1WI|T2WI|FLAIR|diffusion-weighted|DWI|STIR",
    "ultrasound": "ultrasound|US|USG|ultrasonography|ultrasonographic|ultrasonogram|sonography|sonographic|sonogram"
    "|echocardiography|echocardiogram|echocardiographic|Doppler|TTE|TEE|TOE|EUS|endoscopic ultrasound"
    "|endoscopic ultrasonography|echography",
    "x-ray": "x-ray|xray|radiograph|radiography|plain film|plain radiograph|CXR|roentgenogram|mammogram|mammography"
    "|mammographic|fluoroscopy|fluoroscopic|barium swallow|barium enema|orthopantomogram|OPG|cephalogram",
    "angiography": "angiography|angiogram|angiographic|DSA|digital subtraction angiography|venography|arteriography",
    "nuclear": "PET|positron emission tomography|SPECT|scintigraphy|scintigram|bone scan|FDG|PET scan"
    "|single photon emission computed tomography",
    "endoscopy": "endoscopy|endoscopic|endoscope|colonoscopy|colonoscopic|gastroscopy|bronchoscopy|bronchoscopic"
    "|laparoscopy|laparoscopic|cystoscopy|arthroscopy|hysteroscopy|laryngoscopy|duodenoscopy|EGD",
    "microscopy": "microscopy|microscopic|light microscopy|micrograph|photomicrograph|microphotograph|histology"
    "|histologic|histological|histopathology|histopathologic|histopathological|hematoxylin|HE stain|HE staining"
    "|immunohistochemistry|immunohistochemical|immunofluorescence|cytology|electron micrograph|Gram stain|blood smear",
    "oct": "OCT|optical coherence tomography|SD-OCT",
    "fundus": "fundus photograph|fundus photography|color fundus|fundus|funduscopy|ophthalmoscopy|retinal photograph"
    "|fluorescein angiography|fluorescein angiogram|fundus autofluorescence",
    "dermoscopy": "dermoscopy|dermoscopic|dermatoscopy|dermatoscopic",
    "photograph": "photograph|photography|clinical photograph|clinical photography|photo|digital photography",
    "ecg": "ECG|EKG|electrocardiogram|electrocardiography|electrocardiographic",
}

_ALSO = {
    "angiography": {"ct", "mri", "x-ray", "fundus", "oct"},
    "photograph": {"fundus", "dermoscopy", "endoscopy", "microscopy"},
    "nuclear": {"ct", "mri"},
}
"""Families that may name one image between them: a photograph of the fundus, a PET/CT."""

_SYNONYMS = (
    "myocardial infarction|heart attack",
    "stroke|cerebrovascular accident|CVA|brain attack|cerebral infarction",
    "pneumothorax|collapsed lung",
    "hypertension|high blood pressure",
    "nephrolithiasis|renal calculus|renal calculi|kidney stone|kidney stones|renal stone",
    "cholelithiasis|gallstone|gallstones",
    "pulmonary embolism|pulmonary thromboembolism|lung embolism",
    "hemorrhage|bleeding",
    "edema|swelling",
    "fracture|broken bone",
    "metastasis|secondary tumor|metastatic disease|metastases",
    "hepatocellular carcinoma|HCC|hepatoma",
    "renal cell carcinoma|RCC|hypernephroma",
    "tuberculosis|TB",
    "chronic obstructive pulmonary disease|COPD",
    "deep vein thrombosis|DVT|deep venous thrombosis",
    "abdominal aortic aneurysm|AAA",
    "multiple sclerosis|disseminated sclerosis",
    "basal cell carcinoma|BCC",
    "squamous cell carcinoma|SCC|epidermoid carcinoma",
    "glioblastoma|glioblastoma multiforme|GBM",
    "leiomyoma|fibroid|myoma",
    "nevus|mole",
    "neoplasm|tumor",
    "urinary bladder|bladder",
    "femur|thigh bone|thighbone",
    "tibia|shin bone|shinbone",
    "clavicle|collarbone|collar bone",
    "scapula|shoulder blade",
    "patella|kneecap|knee cap",
    "sternum|breastbone|breast bone",
    "mandible|lower jaw|lower jawbone",
    "maxilla|upper jaw",
    "esophagus|gullet|food pipe",
    "trachea|windpipe",
    "small intestine|small bowel",
    "large intestine|large bowel|colon",
    "abdomen|belly",
    "cardiomegaly|enlarged heart",
    "hepatomegaly|enlarged liver",
    "splenomegaly|enlarged spleen",
    "pleural effusion|fluid in the pleural space|hydrothorax",
    "ascites|peritoneal fluid|free abdominal fluid",
    "lung cancer|lung carcinoma|bronchogenic carcinoma|carcinoma of the lung",
    "pulmonary nodule|lung nodule",
    "pulmonary mass|lung mass",
    "pulmonary abscess|lung abscess",
    "hepatic steatosis|fatty liver|fatty liver disease",
    "cirrhosis|liver cirrhosis|hepatic cirrhosis|cirrhosis of the liver",
    "hepatic abscess|liver abscess|abscess of the liver",
    "renal cyst|kidney cyst|cyst of the kidney",
    "intracerebral hemorrhage|brain hemorrhage|cerebral hemorrhage|brain bleed",
    "aortic dissection|dissection of the aorta",
    "bowel obstruction|intestinal obstruction|obstruction of the bowel",
    "breast cancer|breast carcinoma|carcinoma of the breast|mammary carcinoma",
    "colorectal cancer|colorectal carcinoma",
    "gastric cancer|stomach cancer|gastric carcinoma",
    "prostate cancer|prostatic carcinoma|carcinoma of the prostate",
    "vertebral compression fracture|compression fracture of the spine|compression fracture of a vertebra",
    "disc herniation|herniated disc|disk herniation|slipped disc|disc prolapse|prolapsed disc",
    "osteoarthritis|degenerative joint disease|degenerative arthritis",
    "dental caries|tooth decay|dental decay",
    "cataract|lens opacity|clouding of the lens",
    "necrosis|tissue death",
    "ischemia|insufficient blood supply|lack of blood supply",
    "thrombus|blood clot",
)


@cache
def modalities() -> Lexicon:
    """Families of modalities with their names."""
    return Lexicon(
        [Term(name=f"modality {name}", aliases=tuple(names.split("|"))) for name, names in _MODALITIES.items()]
    )


@cache
def synonyms() -> Lexicon:
    """Groups of names of one thing; a modality's names are one thing as well."""
    groups = [Term(name=names.split("|")[0], aliases=tuple(names.split("|")[1:])) for names in _SYNONYMS]
    exact = {"ct": 4, "mri": 8, "ultrasound": 8, "x-ray": 4, "ecg": 4, "oct": 2}
    short = [
        Term(name=f"modality {name}", aliases=tuple(_MODALITIES[name].split("|")[:count]))
        for name, count in exact.items()
    ]
    return Lexicon(groups + short)


@lru_cache(maxsize=1 << 10)
def families(text: str) -> frozenset[str]:
    """The families of modalities that a text names."""
    plain = text.replace("H&E", "hematoxylin")
    return frozenset(hit.term.name.removeprefix("modality ") for hit in modalities().find(plain))


def compatible(named: frozenset[str], said: frozenset[str]) -> bool:
    """True where one named family is said, or may be another word for a said one."""
    if named & said:
        return True
    return any(other in _ALSO.get(name, ()) or name in _ALSO.get(other, ()) for name in named for other in said)


def naming(lexicons: Lexicons) -> tuple[tuple[str, Lexicon], ...]:
    """The lexicons in which two names of one entry mean one thing.

    Of the vocabularies that is the one of findings: an alias in anatomy may be a part ("left ventricle" of the heart),
    and one of a modality may be a kind.
    """
    given = lexicons.get(FINDINGS)
    return (("", synonyms()), *(((FINDINGS, given),) if given else ()))


def concepts(text: str, lexicons: Lexicons) -> frozenset[str]:
    """What the whole text is a name of, by the built-in names and the vocabulary of findings."""
    found = ((name, _whole(lexicon, text)) for name, lexicon in naming(lexicons))
    return frozenset(f"{name}:{term.name}" for name, term in found if term)


@lru_cache(maxsize=1 << 14)
def _whole(lexicon: Lexicon, text: str) -> Term | None:
    return lexicon.whole(text)


@lru_cache(maxsize=1 << 14)
def has_term(lexicon: Lexicon, text: str) -> bool:
    """True where the text names an entry."""
    return bool(lexicon.find(text))


def is_short_for(short: str, long: str) -> bool:
    """True where `short` is an abbreviation in capitals made of the first letters of the words of `long`."""
    letters = short.strip().removesuffix(".")
    if not (3 <= len(letters) <= 6 and letters.isalpha() and letters.isupper()):
        return False
    return "".join(word[0] for word in level(long).split()) == letters.lower()
