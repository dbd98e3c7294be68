"""Errors that a user can act on."""


class LiveccError(Exception):
    """A problem with the user's input, configuration or machine that stops the command.

    The message is one or two sentences: which file, line, key or item; what is wrong; what to do.
    Commands print it without a traceback and exit with status 1.
    """
