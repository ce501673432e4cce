"""Every number of the README and of the pages comes from a file in `results/`: tables are made, and held against them.

`python tests/test_readme.py` writes them into the pages.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # for whoever runs this file

from tests.tables.adaptation import ablation, adaptation, memory, nominal, recovery  # noqa: E402
from tests.tables.claims import claims  # noqa: E402
from tests.tables.hand_off import hand_off  # noqa: E402
from tests.tables.imitation import imitation  # noqa: E402
from tests.tables.soft import default, four_goals, robot, soft  # noqa: E402
from tests.tables.speed import speed  # noqa: E402
from tests.tables.tabletop import tabletop  # noqa: E402
from tests.tables.transfer import remembered, transfer  # noqa: E402

PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"transfer": transfer, "claims": claims, "speed": speed},
    "docs/soft_pretraining.md": {"four_goals": four_goals, "soft": soft, "default": default, "robot": robot},
    "docs/adaptation.md": {
        "adaptation": adaptation,
        "nominal": nominal,
        "recovery": recovery,
        "remembered": remembered,
        "memory": memory,
        "ablation": ablation,
    },
    "docs/imitation.md": {"imitation": imitation, "tabletop": tabletop},
    "docs/hand_off.md": {"hand_off": hand_off},
}
SECTIONS = [(page, name) for page, sections in PAGES.items() for name in sections]


def between(name, text):
    return re.search(rf"(<!-- {name}: [^>]*-->\n)(.*?)(<!-- end -->)", text, flags=re.S)


@pytest.mark.parametrize(("page", "name"), SECTIONS)
def test_the_page_says_what_the_results_say(page, name):
    found = between(name, (ROOT / page).read_text())
    assert found and found[2].strip() == PAGES[page][name]().strip()


@pytest.mark.parametrize("page", PAGES)
def test_no_section_is_left_out(page):
    assert re.findall(r"<!-- (\w+): made by", (ROOT / page).read_text()) == list(PAGES[page])


if __name__ == "__main__":
    for page, sections in PAGES.items():
        text = (ROOT / page).read_text()
        for name, make in sections.items():
            found = between(name, text)
            assert found, f"{page}: no section {name!r}"
            text = text[: found.start(2)] + "\n" + make() + "\n\n" + text[found.end(2) :]
        (ROOT / page).write_text(text)
