"""The command line of development: ``run``, or ``services -- COMMAND [ARGUMENT ...]``."""

import os
import sys
from collections.abc import Mapping

from viztube.ops.dev.problems import Problem, UsageProblem
from viztube.ops.dev.services import run_with_services
from viztube.ops.dev.site import run_site
from viztube.ops.embedded import EmbeddedError

USAGE = (
    "Use `python -m viztube.ops.dev run`, "
    "or `python -m viztube.ops.dev services -- COMMAND [ARGUMENT ...]`."
)


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run a command and return its exit status; a problem is printed and becomes 1 or 2."""
    try:
        if arguments == ["run"]:
            return run_site(environ)
        if arguments[:2] == ["services", "--"] and len(arguments) > 2:
            return run_with_services(environ, arguments[2:])
        raise UsageProblem(USAGE)
    except (Problem, EmbeddedError) as problem:
        print(f"viztube: {problem}", file=sys.stderr, flush=True)  # noqa: T201
        return problem.status if isinstance(problem, Problem) else 1


if __name__ == "__main__":  # pragma: no cover
    sys.exit(main(sys.argv[1:], os.environ))
