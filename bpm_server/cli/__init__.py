"""The console script ``bpm-server``: each subcommand translates, calls one command or report, translates back."""
