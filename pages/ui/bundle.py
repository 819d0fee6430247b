"""The components' JavaScript as one file: `python -m pages.ui.bundle` writes it after a change in components/web.

A browser that loads the modules one by one draws the map a third of a second later (29 requests; `benchmarks.map`).
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

MODULES = Path(__file__).parent / "components" / "web"
BUNDLE = MODULES.parent / "bundle.js"


def heading() -> str:
    """Return the bundle's first line, which names the modules and style sheets that it was made of by a digest."""
    files = {path.name: path.read_bytes() for path in sorted(MODULES.iterdir()) if path.suffix in (".js", ".css")}
    digest = hashlib.blake2b(repr(files).encode(), digest_size=8).hexdigest()
    return f"// Made of components/web ({digest}) by `python -m pages.ui.bundle`; do not edit.\n"


def main() -> None:
    """Write the bundle. Raises: FileNotFoundError without Deno, CalledProcessError where a module is wrong."""
    deno = shutil.which("deno", path=str(Path(sys.executable).parent)) or "deno"
    command = [deno, "bundle", "--quiet", "--platform", "browser", "--minify", str(MODULES / "components.js")]
    made = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    BUNDLE.write_text(heading() + made.stdout, encoding="utf-8")


if __name__ == "__main__":
    main()
