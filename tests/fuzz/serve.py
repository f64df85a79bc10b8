"""A broker as it is, in a process of its own: `serve.py PORT FOLDER`."""

import sys
from pathlib import Path

from broker.main import serve
from broker.settings import Settings

if __name__ == "__main__":
    serve(Settings(port=int(sys.argv[1]), data=Path(sys.argv[2])))
