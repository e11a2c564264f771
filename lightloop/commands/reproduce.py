"""The command ``lightloop reproduce``: a training done again from what its run logged, and compared."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lightloop.output import JsonFlag, Refusal, emit, say

if TYPE_CHECKING:
    from flows.reproduction import Reproduction


def register(app: typer.Typer) -> None:
    """Hang the command onto the tree."""
    app.command("reproduce")(reproduce_command)


def reproduce_command(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Id of an MLflow run, a version's number, or @champion."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Keep the new training in this folder; a killed one goes on.", file_okay=False),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Do a training again from what its run logged, and compare weights and figures.

    It begins with the run's configuration, seed, trace or window, champion of then and demand forecast. With
    a budget in requests the same commit gives the same weights, to the last bit. Nothing is registered and
    nothing goes into service. It takes as long as the training did.

    What keeps it from being the same is said: another commit, a budget in seconds, a window or a version that
    is gone. The command exits with status 1 where it cannot be done again, and where the weights differ
    though nothing is known that would make them differ.

    Examples:
      lightloop reproduce @champion

      lightloop reproduce 3f0c9a51d2e47b6890ab12cd34ef5678 --json
    """
    from configs.home import Home
    from flows.reproduction import reproduce
    from flows.settings import settings_of
    from lightloop.registered import registry_answers
    from lightloop.running import running_config
    from tasks.kept_training import kept_training, run_of

    config, home = running_config(), Home.from_environment()
    context = settings_of(config, home, running=None)
    if not registry_answers(context):
        where = context.registry.tracking_uri
        raise Refusal(f"the registry at {where} does not answer; start it with lightloop up")
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run_id = run_of(context.registry, run)
        kept = kept_training(context.registry, run_id, scratch, context.home.models)
        found = reproduce(
            kept,
            config,
            home,
            context.registry,
            output or scratch / "again",
            say,
        )
    document = found.to_json() | ({} if output else {"policy_folder": None})
    emit(document, as_json, lambda console: _print(console, found))
    if not found.is_expected:
        raise Refusal("the weights differ, and nothing that is known would make them differ")


def _print(console: Console, found: Reproduction) -> None:
    if found.are_weights_equal:
        console.print("the weights are equal to the last bit", style="green")
    else:
        apart = found.largest_difference
        how = "another kind or shape of policy" if apart is None else f"by up to {apart:.3g}"
        console.print(f"the weights differ: {how}", style="yellow", highlight=False)
        low, high = found.difference.low, found.difference.high
        console.print(
            f"the policy of now blocks {found.difference.mean:+.3%} ({low:+.3%} .. {high:+.3%}) more than "
            "the run's, on its held-out traces",
            highlight=False,
        )
    logged = "nothing" if found.measured_then is None else f"{found.measured_then:.4%}"
    same = "the same" if found.are_figures_equal else "not the same"
    console.print(
        f"the run's policy blocks {found.measured_again:.4%} now; the run logged {logged}: {same}",
        highlight=False,
    )
    for remark in found.remarks:
        console.print(f"- {remark}", style="yellow", markup=False, highlight=False)
