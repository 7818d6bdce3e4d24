"""How commands end.

0    done
1    an error, something that was not found, or a failed verification
2    a command line that cannot be understood
130  interrupted from the keyboard
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import ParamSpec

import typer

from rank_retrieve.errors import RankRetrieveError

P = ParamSpec("P")


class ExitCode(IntEnum):
    """The process's exit status."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INTERRUPTED = 130


def complain(message: str) -> None:
    """One line on standard error."""
    line = " ".join(message.split())
    sys.stderr.write(f"rank-retrieve: {line}\n")


def reporting_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into one line on standard error and an exit code.

    What is a bug of ours keeps its traceback.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except BrokenPipeError:
            # the reader of our output has what it wanted; nothing more can be written to it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.OK) from None
        except (RankRetrieveError, OSError) as error:
            complain(str(error))
            raise typer.Exit(ExitCode.FAILED) from None
        except ImportError as error:
            if "pip install" not in str(error):
                raise
            complain(str(error))
            raise typer.Exit(ExitCode.FAILED) from None
        except KeyboardInterrupt:
            complain("interrupted; what was acknowledged is kept")
            raise typer.Exit(ExitCode.INTERRUPTED) from None

    return run
