"""The machine-readable card: Croissant metadata with the fields of its responsible-AI vocabulary.

Source: MLCommons Croissant 1.1 and Croissant RAI 1.0.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from medvlsynther.export import prose
from medvlsynther.export.census import Census

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The names that the standard's own examples use."""

TYPES = {"string": "sc:Text", "int64": "cr:Int64", "double": "cr:Float64", "bool": "sc:Boolean"}
PARQUET = "application/x-parquet"


def croissant(
    name: str, census: Census, columns: pa.Schema, described: dict[str, str], folder: Path, files: Iterable[Path]
) -> bytes:
    """The metadata of a data set in `folder`, whose parquet `files` have these `columns`, as JSON."""
    shards = list(files)
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": name,
        "description": (
            f"{census.rows} multiple-choice questions about {census.images} biomedical figures, with their evidence."
        ),
        "license": sorted({c.article.licence.uri or c.article.licence.code for c in census.credits.values()}),
        "version": "1.0.0",
        "inLanguage": "en",
        "isLiveDataset": False,
        "distribution": [
            *map(_file, [folder] * len(shards), shards),
            *(_set(split) for split in sorted(census.splits)),
        ],
        "recordSet": [_records(split, columns, described) for split in sorted(census.splits)],
        **_responsibility(census),
    }
    return orjson.dumps(metadata, option=orjson.OPT_INDENT_2)


def _responsibility(census: Census) -> dict[str, Any]:
    return {
        "rai:dataCollection": prose.COLLECTION,
        "rai:dataCollectionType": ["Secondary data analysis"],
        "rai:dataPreprocessingProtocol": [
            "Images decoded, bounded in size, stored as 8-bit and named by their digest."
        ],
        "rai:dataAnnotationProtocol": [prose.annotation(census)],
        "rai:annotationsPerItem": "1",
        "rai:machineAnnotationTools": sorted(name for name in census.cards if name.startswith("models/")),
        "rai:dataBiases": [prose.BIASES],
        "rai:dataLimitations": prose.limits(census),
        "rai:dataUseCases": [prose.USE],
        "rai:dataSocialImpact": prose.IMPACT,
        "rai:personalSensitiveInformation": [prose.PEOPLE],
    }


def _file(folder: Path, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    place = path.relative_to(folder).as_posix()
    return {
        "@type": "cr:FileObject",
        "@id": place,
        "name": path.name,
        "contentUrl": place,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": PARQUET,
        "sha256": digest,
    }


def _set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{split}-files",
        "name": f"{split}-files",
        "encodingFormat": PARQUET,
        "includes": f"data/{split}-*.parquet",
    }


def _records(split: str, columns: pa.Schema, described: dict[str, str]) -> dict[str, Any]:
    fields = [_field(split, column, described.get(column.name, "")) for column in columns]
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "field": fields}


def _field(split: str, column: pa.Field, description: str) -> dict[str, Any]:
    """One column; of a list of structs, the whole list, as text: the standard has no lists of records in a column."""
    listed = pa.types.is_list(column.type)
    inner = column.type.value_type if listed else column.type
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{split}/{column.name}",
        "name": column.name,
        "description": description,
        "dataType": "sc:ImageObject" if column.name == "images" else TYPES.get(str(inner), "sc:Text"),
        "source": {"fileSet": {"@id": f"{split}-files"}, "extract": {"column": column.name}},
    }
    if listed:
        field |= {"isArray": True, "arrayShape": "-1"}
    if column.name == "images":
        field["source"]["transform"] = {"jsonPath": "$[*].bytes"}
    return field
