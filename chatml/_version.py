"""The version, as a literal: looking it up in the installed metadata costs 30 ms at start-up."""

__version__ = "0.1.0"
