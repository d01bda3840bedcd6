"""`python -m tests.manual --write` writes the generated parts of the manual's pages."""

import sys

from tests.manual.generated import FOLDER, written

if sys.argv[1:] != ["--write"]:
    sys.exit("usage: python -m tests.manual --write")
for file in FOLDER.glob("*.md"):
    text = file.read_text(encoding="utf-8")
    if (new := written(text)) != text:
        file.write_text(new, encoding="utf-8")
        print(f"Wrote {file.name}.")
