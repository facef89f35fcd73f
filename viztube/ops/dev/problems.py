"""What can keep development from starting: one sentence for the person, one exit status."""


class Problem(Exception):
    """Something is in the way; the text is a sentence that says what to do."""

    status = 1


class UsageProblem(Problem):
    """The command or an environment variable is wrong."""

    status = 2


class CommandNotFound(Problem):
    """The program to run does not exist; the status is the one shells use for that."""

    status = 127
