"""How does one use rank-retrieve from a shell? `rank-retrieve --help` lists the commands."""

from rank_retrieve.cli.app import main

__all__ = ["main"]
