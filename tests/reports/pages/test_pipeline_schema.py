"""The JSON Schema in docs/ is the one that the code makes, and shipped pipelines fit it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from synthgen.reports.pages.__main__ import generated
from synthgen.reports.pages.pipeline_schema import pipeline_schema_file
from tests import DOCS, ROOT

FILE = DOCS / "pipeline.schema.json"


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text("utf-8") == pipeline_schema_file(), "refresh it: make generate"


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_pipeline_fits_the_schema(path: Path) -> None:
    jsonschema.validate(YAML(typ="safe").load(path.read_text("utf-8")), json.loads(FILE.read_text("utf-8")))


def test_one_command_writes_every_page_that_says_it_is_generated() -> None:
    pages = {path.relative_to(ROOT) for path in DOCS.rglob("*.md")}
    says_so = {path for path in pages if "*Generated from the code" in (ROOT / path).read_text("utf-8")}
    assert says_so <= set(generated())
