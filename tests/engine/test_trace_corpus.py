"""Real hits, traced by every example container: the outcome is that of `run`, and nothing raises."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from container.case import hit_from_json
from container.engine.compile import compile_container
from container.engine.run import run
from container.engine.simulate import simulate
from container.engine.trace import trace
from tests.engine.test_trace import MODELS, ROOT, without_what_is_told

FILE = Path(os.environ.get("CORPUS_DIR", ROOT.parent / "shared" / "corpus")) / "ga4_hits.json"
MEMBERS = ("method", "path", "query", "headers", "body")

pytestmark = pytest.mark.corpus


@pytest.mark.parametrize("name", MODELS)
def test_a_real_hit_is_traced_as_it_is_run(name: str) -> None:
    if not FILE.exists():
        pytest.skip(f"there is no {FILE.name} in {FILE.parent}; CORPUS_DIR says where it is")
    container = compile_container(MODELS[name], debug=True)
    hits = [hit_from_json({key: one[key] for key in MEMBERS}) for one in json.loads(FILE.read_text(encoding="utf-8"))]
    assert len(hits) >= 60
    for hit in hits:
        found = trace(container, hit)
        assert repr(found.outcome) == repr(run(container, hit))
        assert without_what_is_told(found.told) == simulate(container, hit)
