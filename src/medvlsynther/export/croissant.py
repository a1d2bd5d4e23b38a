"""The machine-readable card: Croissant metadata with the fields of its responsible-AI vocabulary.

Source: MLCommons Croissant 1.0 and Croissant RAI 1.0.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from medvlsynther.export import prose
from medvlsynther.export.census import Census
from medvlsynther.export.package import Shipment

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "equivalentProperty", "extract", "field", "fileObject", "fileProperty", "fileSet"),
            *("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
            *("references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField"),
            "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}
"""The names that the standard's own examples use."""

TYPES = {"string": "sc:Text", "int64": "sc:Integer", "double": "sc:Float", "bool": "sc:Boolean"}
PARQUET = "application/x-parquet"


def croissant(shipment: Shipment, columns: pa.Schema, described: Mapping[str, str]) -> bytes:
    """The metadata, as JSON, of a data set whose parquet files have these `columns`."""
    census, parts = shipment.census, shipment.parts
    files = sorted(shipment.folder.glob("data/*.parquet"))
    metadata = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": shipment.order.name,
        "description": (
            f"{census.rows} multiple-choice questions about {census.images} biomedical images, with their evidence."
        ),
        "citeAs": "Cite the articles that the rows rest on; ATTRIBUTION.tsv lists them.",
        "license": list(census.owed.terms),
        "version": "1.0.0",
        "inLanguage": "en",
        "isLiveDataset": False,
        "distribution": [*(_file(shipment.folder, path) for path in files), *map(_set, parts)],
        "recordSet": [_records(part, columns, described) for part in parts],
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


def _records(split: str, columns: pa.Schema, described: Mapping[str, str]) -> dict[str, Any]:
    fields = [_field(split, column, described.get(column.name, "")) for column in columns]
    return {"@type": "cr:RecordSet", "@id": split, "name": split, "field": fields}


def _field(split: str, column: pa.Field, description: str) -> dict[str, Any]:
    """One column; the members of a struct stand below it."""
    listed = pa.types.is_list(column.type)
    inner = column.type.value_type if listed else column.type
    source = {"fileSet": {"@id": f"{split}-files"}, "extract": {"column": column.name}}
    place = f"{split}/{column.name}"
    field: dict[str, Any] = {"@type": "cr:Field", "@id": place, "name": column.name, "description": description}
    if listed:
        field["repeated"] = True
    if column.name == "images":
        return field | {"dataType": "sc:ImageObject", "source": {**source, "transform": {"jsonPath": "bytes"}}}
    if pa.types.is_struct(inner):
        return field | {"subField": [_member(place, source, part) for part in inner]}
    return field | {"dataType": TYPES[str(inner)], "source": source}


def _member(place: str, source: dict[str, Any], part: pa.Field) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{place}/{part.name}",
        "name": part.name,
        "dataType": TYPES[str(part.type)],
        "source": {**source, "transform": {"jsonPath": part.name}},
    }
