"""The pictures of the command line show what the commands print."""

import html
import re

from scripts.make_pictures import FOLDER, pictures


def test_each_picture_shows_what_its_command_prints_now() -> None:
    drawn = dict(pictures())
    assert {path.stem for path in FOLDER.glob("*.svg")} == drawn.keys()
    for name, picture in drawn.items():
        kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
        assert words(kept) == words(picture), "run python -m scripts.make_pictures"
        assert "http" not in re.sub(r'xmlns="[^"]*"|<!-- .*? -->', "", kept)


def words(picture: str) -> list[str]:
    """Return what can be read, whatever the drawing's measures."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", picture, re.DOTALL)
    return " ".join(html.unescape(text) for text in texts).split()
