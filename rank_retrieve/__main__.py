"""`python -m rank_retrieve`: the command line."""

from rank_retrieve.cli import main

if __name__ == "__main__":
    main()
