"""`python -m rank_retrieve.cli`, where the script `rank-retrieve` is not on the path."""

from rank_retrieve.cli.app import main

main()
