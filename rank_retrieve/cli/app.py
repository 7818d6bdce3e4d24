"""The command line: one file per command, registered here.

Modules of commands import the engine inside their functions, so that help and mistakes are
answered at once.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from rank_retrieve.cli.backup_command import backup
from rank_retrieve.cli.checkpoint_command import checkpoint
from rank_retrieve.cli.compact_command import compact
from rank_retrieve.cli.config import defaults_of, found_config, read_config
from rank_retrieve.cli.delete_command import delete
from rank_retrieve.cli.demo_command import demo
from rank_retrieve.cli.doctor_command import doctor
from rank_retrieve.cli.eval_command import evaluate
from rank_retrieve.cli.examples import shown_examples
from rank_retrieve.cli.exit_codes import reporting_errors
from rank_retrieve.cli.export_command import export
from rank_retrieve.cli.get_command import get
from rank_retrieve.cli.index_command import index
from rank_retrieve.cli.index_option import IndexOptionGroup
from rank_retrieve.cli.info_command import info
from rank_retrieve.cli.repair_command import repair
from rank_retrieve.cli.restore_command import restore
from rank_retrieve.cli.search_command import search
from rank_retrieve.cli.verify_command import verify
from rank_retrieve.cli.warmup_command import warmup

COMMANDS: dict[str, Callable[..., None]] = {
    "demo": demo,
    "index": index,
    "search": search,
    "export": export,
    "get": get,
    "delete": delete,
    "info": info,
    "compact": compact,
    "verify": verify,
    "doctor": doctor,
    "repair": repair,
    "checkpoint": checkpoint,
    "backup": backup,
    "restore": restore,
    "eval": evaluate,
    "warmup": warmup,
}

app = typer.Typer(
    name="rank-retrieve",
    cls=IndexOptionGroup,
    help="Embedded hybrid retrieval: BM25, vectors and filters in one crash-safe directory.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for _name, _command in COMMANDS.items():
    app.command(_name, epilog=shown_examples(_name))(reporting_errors(_command))


def _show_version(wanted: bool) -> None:
    if wanted:
        import rank_retrieve

        typer.echo(f"rank-retrieve {rank_retrieve.__version__}")
        raise typer.Exit


def _configure(ctx: typer.Context, given: Path | None) -> None:
    if ctx.resilient_parsing:  # a suggestion must not fail over a mistake in a file
        return
    path = found_config(given)
    if path is not None:
        commands = getattr(ctx.command, "commands", {})
        ctx.default_map = defaults_of(read_config(path), commands, path)


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=_configure,
            metavar="FILE",
            help="Defaults for options; else RANK_RETRIEVE_CONFIG, or ./rank-retrieve.toml.",
        ),
    ] = None,
) -> None:
    pass


def main() -> None:
    """Run the command that `sys.argv` asks for, and exit with its code."""
    app()
