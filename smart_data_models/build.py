"""`python -m smart_data_models.build ASSETS`: make the registry (part of `make setup`)."""

from __future__ import annotations

import argparse
import sys
from itertools import chain
from pathlib import Path

from smart_data_models import assets, registry
from smart_data_models.own import own_models


def main() -> int:
    """Build the registry; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m smart_data_models.build",
        description="Make the registry of data models from the unpacked package pysmartdatamodels.",
    )
    parser.add_argument("assets", type=Path, help="folder of the package, with model-assets/ in it")
    parser.add_argument("--to", type=Path, default=registry.BUILT, help="file to write")
    options = parser.parse_args()
    try:
        count = registry.write(chain(own_models(), assets.read(options.assets)), options.to)
    except (OSError, assets.UnexpectedAssets) as error:
        print(f"the registry of data models was not built: {error}", file=sys.stderr)
        return 1
    print(f"registry of {count} data models: {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
