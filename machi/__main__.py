"""`python -m machi`: the same as the command `machi`."""

from machi.cli import main

if __name__ == "__main__":
    main()
