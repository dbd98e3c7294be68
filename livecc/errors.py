"""Errors that a user can act on."""


class LiveccError(Exception):
    """Something in the user's input, configuration or machine stops the command.

    The message is one or two sentences: which file, line, key or item; what is wrong; what to do.
    Command lines print it without a traceback and exit with status 1.
    """
