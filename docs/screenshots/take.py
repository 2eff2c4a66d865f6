"""The screenshots of a comparison's report: python docs/screenshots/take.py DIR.

Opens DIR/report.html in the Chromium of the system and keeps the first screens, which hold no text
of the data: light and dark on a desk, light on a telephone. 128 colours keep a file small.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
VIEWS = {
    "light": (1100, 1500, "light"),
    "dark": (1100, 1500, "dark"),
    "narrow": (390, 1500, "light"),
}


def main() -> None:
    """Take the three views."""
    folder = Path(sys.argv[1]).resolve()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for view, (width, height, scheme) in VIEWS.items():
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            page.goto((folder / "report.html").as_uri())
            name = f"{folder.name.removeprefix('compare-')}-{view}.png"
            taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            taken.quantize(128, dither=Image.Dither.NONE).save(HERE / name, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
