"""Pure rules: values, states, commands and events. Nothing here reads a clock, a file or a database."""
