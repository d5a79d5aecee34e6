"""`make demo`: train on the built-in catalogue, export, serve, tag sample products over both protocols, stop."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator, Sequence

from demo.products import PRODUCTS
from demo.stages import STAGES, StageError, run_stage
from demo.tagging import ask, summary, table
from product_tagger_client import TaggerError
from serving.health import curl_command
from serving.temporary import temporary_server
from settings import Settings, add_settings_options, load_settings
from settings.render import render_settings
from steps import run_command, staged_file

# A place of its own: what a person has trained in build/ stays. Their catalogue's mapping would not fit the demo's.
DEFAULTS = (
    "build_dir=build/demo",
    "catalog.path=demo",
    "catalog.columns={}",
    "catalog.taxonomy=null",
    "catalog.limit=null",
    # All of it, installation included, in under 12 minutes on two plain cores.
    "training.minutes=4",
    "serving.address=127.0.0.1",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demonstration; returns the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    add_settings_options(parser)
    options = parser.parse_args(arguments)
    return run_command(
        lambda: _run(load_settings(options.config, [*DEFAULTS, *options.set])),
        stopped="Stopped. The next `make demo` goes on from what is finished.",
    )


def _run(settings: Settings) -> int:
    configuration = settings.build_dir / "demo.yaml"
    with staged_file(configuration) as staging:
        staging.write_text(render_settings(settings), encoding="utf-8")
    steps = len(STAGES) + 2
    seconds: dict[str, float] = {}
    for number, stage in enumerate(STAGES, 1):
        with _step(f"{number}/{steps} {stage.title}", seconds):
            run_stage(stage, configuration)
    with contextlib.ExitStack() as stack:
        with _step(f"{steps - 1}/{steps} Start the Triton Inference Server", seconds):
            state = stack.enter_context(temporary_server(settings))
            print(f"Ready: release {state.release}, HTTP port {state.http_port}, gRPC port {state.grpc_port}.")
        with _step(f"{steps}/{steps} Tag {len(PRODUCTS)} products over gRPC and HTTP", seconds):
            address = settings.serving.address
            urls = [f"grpc://{address}:{state.grpc_port}", f"http://{address}:{state.http_port}"]
            try:
                answers = ask(PRODUCTS, urls)
            except TaggerError as error:
                raise StageError(str(error)) from error
            for line in table(answers):
                print(line)
            print()
            for line in summary(answers):
                print(line)
    print("\nThe server is stopped. Time taken: " + ", ".join(f"{name} {took:.0f} s" for name, took in seconds.items()))
    print(f"Serve this release: `make serve BUILD={settings.build_dir}`, and in another terminal:")
    print(f"  {curl_command(address, Settings().serving.http_port)}")
    print("Train on products of your own: `make train export serve CATALOG=shop.csv`.")
    return 0


@contextlib.contextmanager
def _step(title: str, seconds: dict[str, float]) -> Iterator[None]:
    print(f"\n== {title}", flush=True)
    began = time.monotonic()
    yield
    seconds[title.split(" ", 2)[1].lower()] = time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
