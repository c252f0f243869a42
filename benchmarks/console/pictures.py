"""Takes the pictures of report and console in README and docs, on local AWS: `make pictures`."""

from __future__ import annotations

import argparse
import base64
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.common.cloud import local_aws
from benchmarks.common.figures import DOCS
from benchmarks.console.history import make_service, sample
from scripts.aws.session import Aws, connect
from scripts.console.server import serving
from scripts.console.site import Commands
from scripts.data.data_file import read_data_file

FOLDER = DOCS / "images"
MOST_BYTES = 300_000  # of all pictures together
TRY = "/try"
# The name, the width of the window, the colour scheme, and what is shown.
PICTURES = (
    ("report", 1000, "light", "/versions/1/report.html"),
    ("console-execution", 1000, "light", "/executions/{execution}"),
    ("console-version", 1000, "dark", "/versions/1"),
    ("console-try", 1000, "light", TRY),
    ("console-phone", 390, "dark", "/service/deployments"),
)
HEIGHT, SCALE = 700, 1.25
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Browsers can write WebP, which is a third of a PNG.
_TO_WEBP = """async png => {
    const image = new Image();
    image.src = 'data:image/png;base64,' + png;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext('2d').drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({type: 'image/webp', quality: 0.8});
    const bytes = new Uint8Array(await blob.arrayBuffer());
    return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; return 1 if they are too large together."""
    parser = argparse.ArgumentParser(prog="benchmarks.console.pictures", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="data file; by default sample data")
    args = parser.parse_args(arguments)
    with local_aws():
        aws = connect("bankruptcy")
        execution = make_service(aws, read_data_file(args.data) if args.data else sample())
        taken = take(aws, execution)
    for path in taken:
        sys.stdout.write(f"{path.name}  {path.stat().st_size / 1000:.0f} kB\n")
    return int(sum(path.stat().st_size for path in taken) > MOST_BYTES)


def take(aws: Aws, execution: str) -> list[Path]:
    """Write the pictures of a service, and return their paths."""
    commands = Commands(lambda words: f"bankruptcy {words} --local", lambda text: text)
    taken = []
    with serving(aws, 0, commands, read_only=False) as url, _browser() as browser:
        context = browser.new_context(device_scale_factor=SCALE)
        page, converter = context.new_page(), context.new_page()
        page.goto(url)
        base = url.partition("/enter")[0]
        for name, width, scheme, address in PICTURES:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.emulate_media(color_scheme=scheme)
            page.goto(base + address.format(execution=execution))
            if address == TRY:
                page.get_by_label("Row, from 0").fill("0")
                page.get_by_role("button", name="Choose it").click()
            page.wait_for_load_state("networkidle")
            png = base64.b64encode(page.screenshot()).decode()
            path = FOLDER / f"{name}.webp"
            path.write_bytes(base64.b64decode(converter.evaluate(_TO_WEBP, png)))
            taken.append(path)
    return taken


@contextmanager
def _browser() -> Iterator[Any]:
    system = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    # Chromium's sandbox does not run as root, as in most containers.
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=sandbox)
        yield browser
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
