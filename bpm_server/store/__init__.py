"""Tables and everything that reads or writes them. Nothing above this package knows SQL but ``reports``."""
