"""What an installation can set. Filled by bootstrap from the environment or a file."""
