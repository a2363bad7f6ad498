"""`python -m chatml`: the command line."""

import sys

from chatml.cli import main

if __name__ == "__main__":
    sys.exit(main())
