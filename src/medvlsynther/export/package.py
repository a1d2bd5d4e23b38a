"""A data set's folder beyond its rows: README.md, croissant.json, ATTRIBUTION.tsv."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from medvlsynther.errors import BadSetting
from medvlsynther.export.card import readme
from medvlsynther.export.census import Census
from medvlsynther.export.croissant import croissant
from medvlsynther.export.funnel import behind
from medvlsynther.export.rows import Published, Refuse, Tables
from medvlsynther.store.layout import Store, write_aside

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
"""What the Hub takes as the name of a data set."""

ATTRIBUTION = ("article_id", "doi", "licence", "licence_uri", "attribution", "title", "figures")


class Package:
    """Collects what the card has to tell while rows are written, and writes it last.

    Raises: BadSetting for a name that no data set can have.
    """

    def __init__(self, folder: Path, name: str, store: Store, tables: Tables) -> None:
        if not NAME.fullmatch(name):
            raise BadSetting(f"name is {name!r}", mend="Use letters, digits, '.', '_' and '-'")
        self.folder, self.name = folder, name
        self.census = Census()
        self._funnel = behind(store, (tables.figures, tables.items, tables.verdicts, tables.labels))

    def refusing(self, refuse: Refuse) -> Refuse:
        """`refuse`, with its reasons counted for the card."""

        def counted(item_id: str, reason: str, detail: str = "") -> None:
            self.census.rejects[reason] += 1
            refuse(item_id, reason, detail)

        return counted

    def finish(self, exporter: str, columns: pa.Schema, files: Sequence[Path]) -> None:
        """Write card, metadata and attributions of a data set whose rows lie in these parquet files."""
        configs = [{"split": split, "path": f"data/{split}-*.parquet"} for split in sorted(self.census.splits)]
        header = [{"config_name": "default", "data_files": configs}]
        card = readme(self.name, exporter, self.census, self._funnel, header)
        described = {name: info.description or "" for name, info in Published.model_fields.items()}
        described["images"] = "The images, encoded."
        metadata = croissant(self.name, self.census, columns, described, self.folder, files)
        write_aside(self.folder / "README.md", card.encode())
        write_aside(self.folder / "croissant.json", metadata)
        write_aside(self.folder / "ATTRIBUTION.tsv", self._attributions().encode())

    def _attributions(self) -> str:
        """One line an article: what a user of its figures has to print."""
        lines = io.StringIO()
        table = csv.writer(lines, delimiter="\t", lineterminator="\n")
        table.writerow(ATTRIBUTION)
        for article_id, credit in self.census.credits.items():
            article, licence = credit.article, credit.article.licence
            table.writerow(
                [
                    article_id,
                    article.doi or "",
                    licence.code,
                    licence.uri or "",
                    licence.attribution,
                    article.title,
                    " ".join(sorted(credit.figures)),
                ]
            )
        return lines.getvalue()
