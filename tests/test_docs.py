"""The documentation is run: every Python block of a page, one after the other, and every link to a file."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OWN = ROOT / "tests" / "tasks" / "own"  # the model file of the robot that docs/environment.md brings
PAGES = sorted([*ROOT.glob("docs/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_on_a_page_runs(page):
    space = {"__file__": str(OWN / "page.py")}
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.M | re.S):
        exec(compile(block, page.name, "exec"), space)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_on_a_page_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


def test_the_model_on_the_page_is_the_one_that_is_tested():
    (shown,) = re.findall(r"^```xml\n(.*?)^```", (ROOT / "docs" / "environment.md").read_text(), flags=re.M | re.S)
    assert shown == (OWN / "cart.xml").read_text()
